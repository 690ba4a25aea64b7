#include "bench/workload/zipf.h"

#include <algorithm>
#include <cmath>

namespace sibyl::bench {
namespace {

double Zeta(uint64_t items, double theta) {
  double sum = 0;
  for (uint64_t i = 1; i <= items; ++i) sum += std::pow(static_cast<double>(i), -theta);
  return sum;
}

}  // namespace

Zipf::Zipf(uint64_t items, double theta)
    : items_(items), theta_(theta), zeta_(Zeta(items, theta)), alpha_(1 / (1 - theta)) {
  const double two = Zeta(std::min<uint64_t>(items, 2), theta);
  eta_ = items <= 2
             ? 0
             : (1 - std::pow(2.0 / static_cast<double>(items), 1 - theta)) / (1 - two / zeta_);
}

uint64_t Zipf::Next(Random& random) const {
  const double u = random.Unit();
  const double uz = u * zeta_;
  if (uz < 1 || items_ == 1) return 0;
  if (uz < 1 + std::pow(0.5, theta_) || items_ == 2) return 1;
  const double item = static_cast<double>(items_) * std::pow(eta_ * u - eta_ + 1, alpha_);
  return std::min<uint64_t>(static_cast<uint64_t>(item), items_ - 1);
}

}  // namespace sibyl::bench
