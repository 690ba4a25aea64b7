// Decimals that are kept as reals: 1.005 means 1.005, and not the binary number below it.
// PostgreSQL's numeric calculates with digits; so do we here, with the fewest digits that give a
// real back, as far as sixteen bytes hold them.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_DECIMAL_H_
#define SIBYL_SQL_SERVER_CATALOGUE_DECIMAL_H_

#include <cstdint>
#include <optional>

namespace sibyl::sql::server {

// Keeps so many places after the point; left of it if they are negative. Half goes away from zero
// if `rounds`, else what is behind is dropped.
double ToPlaces(double value, int64_t places, bool rounds);

// Decimals as whole numbers of one scale, if both are short enough for sixteen bytes.
struct ScaledPair {
  __int128 left;
  __int128 right;
  int64_t scale;  // digits behind the point of both
};

std::optional<ScaledPair> Scaled(double left, double right);

// The real nearest to a whole number over ten to the power of `scale`.
double Unscaled(__int128 whole, int64_t scale);

// What is left of decimals, not of the binary numbers nearest to them. `divisor` is not 0.
double Remainder(double dividend, double divisor);

// The fifteen digits of a calculated numeric that are exact.
double Exact(double value);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_DECIMAL_H_
