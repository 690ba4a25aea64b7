// MD5 (RFC 1321), in which sqllogictest files give long results.

#ifndef SIBYL_TESTS_SQL_MD5_H_
#define SIBYL_TESTS_SQL_MD5_H_

#include <string>
#include <string_view>

namespace sibyl::sql::testing {

// The digest in hexadecimal.
std::string Md5(std::string_view text);

}  // namespace sibyl::sql::testing

#endif  // SIBYL_TESTS_SQL_MD5_H_
