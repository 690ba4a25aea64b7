// The roots of Kraska et al., "The Case for Learned Index Structures" (SIGMOD 2018, sections 3.2
// and 3.3): models of the whole key distribution that pick one of many children.
//
// A root may be any function, wrong between the keys it was trained on and not even monotone: who
// uses it (two_stage.h) keeps the children's true borders and corrects it. So floating point is
// fine here, and nothing that a lookup returns depends on its rounding.

#ifndef SIBYL_INDEX_ROOT_MODEL_H_
#define SIBYL_INDEX_ROOT_MODEL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/coding.h"
#include "sibyl/two_stage_index.h"

namespace sibyl::index {

// For example "net 2x32".
std::string NameOf(const RootOptions& options);

// Immutable once trained; any number of threads may ask.
class RootModel {
 public:
  RootModel() = default;  // of no keys

  // Deterministic: the same keys give the same model. Looks at a sample of up to 64 Ki keys.
  // Preconditions: `keys` is sorted and not empty, options within their bounds, children > 0.
  static RootModel Train(std::span<const uint64_t> keys, const RootOptions& options,
                         uint32_t children);

  // In [0, children), for any key.
  uint32_t ChildOf(uint64_t key) const;

  uint64_t memory_bytes() const;

  // Its kind and what it has learned (docs/file-format.md, "Two-stage index").
  void Encode(std::string* out) const;

  // Nothing if malformed. What is returned is safe to ask, whatever the numbers are.
  // Preconditions: `keys` is sorted and not empty, children > 0.
  static std::optional<RootModel> Decode(base::Decoder* decoder, std::span<const uint64_t> keys,
                                         uint32_t children);

 private:
  static constexpr uint32_t kMaxUnits = 32;
  static constexpr uint32_t kMaxKnots = 65536;
  struct Layer {
    uint32_t inputs = 0;
    uint32_t outputs = 0;
    std::vector<float> weights;  // of output o from its inputs: from o * inputs on
    std::vector<float> biases;
  };
  struct Knot {
    uint64_t key;
    double fraction;
  };
  friend class RootTrainer;

  RootModel(RootKind kind, std::span<const uint64_t> keys, uint32_t children)
      : kind_(kind), children_(children), smallest_(keys.front()), largest_(keys.back()) {}

  bool DecodeKnots(base::Decoder* decoder);
  void DecodeLayers(base::Decoder* decoder, uint32_t units);

  double Scaled(uint64_t key) const;      // into [0, 1], by distance or by its logarithm
  double FractionOf(uint64_t key) const;  // of the keys that are smaller, as the model has it
  double SplineAt(uint64_t key) const;
  double NetAt(double x) const;

  RootKind kind_ = RootKind::kLinear;
  uint32_t children_ = 1;
  uint64_t smallest_ = 0;
  uint64_t largest_ = 0;
  uint32_t radix_shift_ = 0;
  std::array<double, 4> polynomial_{};
  std::vector<Knot> knots_;
  std::vector<Layer> layers_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_ROOT_MODEL_H_
