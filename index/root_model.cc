#include "index/root_model.h"

#include <Eigen/Dense>
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <random>
#include <utility>

namespace sibyl::index {
namespace {

constexpr size_t kMaxSample = size_t{1} << 16;
constexpr int kBatch = 256;

bool IsNet(RootKind kind) { return kind >= RootKind::kNet0; }

uint32_t HiddenLayers(RootKind kind) {
  return static_cast<uint32_t>(kind) - static_cast<uint32_t>(RootKind::kNet0);
}

// What leaves at most `children` values of distances up to `span`.
uint32_t RadixShift(uint64_t span, uint32_t children) {
  const auto span_bits = static_cast<int>(std::bit_width(span));
  const auto child_bits = static_cast<int>(std::bit_width(children)) - 1;
  return static_cast<uint32_t>(std::clamp(span_bits - child_bits, 0, 63));
}

// One layer while it is trained: its weights, gradients, and Adam's moments of them (Kingma and Ba,
// "Adam: A Method for Stochastic Optimization", ICLR 2015).
class TrainedLayer {
 public:
  TrainedLayer(int inputs, int outputs, std::mt19937_64* random)
      : weights_(outputs, inputs), biases_(Eigen::VectorXf::Zero(outputs)) {
    // He et al., "Delving Deep into Rectifiers" (ICCV 2015), as mt19937_64 makes it everywhere.
    const float scale = std::sqrt(6.0f / static_cast<float>(inputs));
    for (int i = 0; i < weights_.size(); ++i) {
      weights_.data()[i] =
          scale * (2 * static_cast<float>((*random)() >> 40) / static_cast<float>(1 << 24) - 1);
    }
    weight_moments_ = {Eigen::MatrixXf::Zero(outputs, inputs),
                       Eigen::MatrixXf::Zero(outputs, inputs)};
    bias_moments_ = {Eigen::MatrixXf::Zero(outputs, 1), Eigen::MatrixXf::Zero(outputs, 1)};
  }

  // Columns are examples.
  const Eigen::MatrixXf& Forward(const Eigen::MatrixXf& input, bool relu) {
    input_ = input;
    output_ = (weights_ * input).colwise() + biases_;
    if (relu) output_ = output_.cwiseMax(0.0f);
    return output_;
  }

  // From the loss's gradient by the output to that by the input; takes a step on the way.
  Eigen::MatrixXf Backward(Eigen::MatrixXf gradient, bool relu, float rate, int step) {
    if (relu) gradient = (output_.array() > 0).select(gradient, 0.0f);
    const Eigen::MatrixXf below = weights_.transpose() * gradient;
    weights_ -= weight_moments_.Step(gradient * input_.transpose(), rate, step);
    biases_ -= bias_moments_.Step(gradient.rowwise().sum(), rate, step);
    return below;
  }

  const Eigen::MatrixXf& weights() const { return weights_; }
  const Eigen::VectorXf& biases() const { return biases_; }

 private:
  struct Moments {
    Eigen::MatrixXf mean, square;

    Eigen::MatrixXf Step(const Eigen::MatrixXf& gradient, float rate, int step) {
      constexpr float kMeanDecay = 0.9f, kSquareDecay = 0.999f, kEpsilon = 1e-7f;
      mean = kMeanDecay * mean + (1 - kMeanDecay) * gradient;
      square = kSquareDecay * square + (1 - kSquareDecay) * gradient.cwiseAbs2();
      const float mean_bias = 1 - std::pow(kMeanDecay, static_cast<float>(step));
      const float square_bias = 1 - std::pow(kSquareDecay, static_cast<float>(step));
      return (rate / mean_bias) *
             (mean.array() / ((square / square_bias).array().sqrt() + kEpsilon)).matrix();
    }
  };

  Eigen::MatrixXf weights_;
  Eigen::VectorXf biases_;
  Eigen::MatrixXf input_, output_;
  Moments weight_moments_, bias_moments_;
};

}  // namespace

class RootTrainer {
 public:
  RootTrainer(std::span<const uint64_t> keys, RootModel* model) : keys_(keys), model_(model) {
    const size_t count = std::min(keys.size(), kMaxSample);
    for (size_t i = 0; i < count; ++i) {
      const size_t rank = i * keys.size() / count;
      sample_.push_back(model->Scaled(keys[rank]));
      fraction_.push_back(static_cast<double>(rank) / static_cast<double>(keys.size()));
    }
  }

  // Least squares over the powers of the scaled key up to `degree`.
  void FitPolynomial(int degree) {
    const auto rows = static_cast<Eigen::Index>(sample_.size());
    Eigen::MatrixXd powers(rows, degree + 1);
    for (Eigen::Index i = 0; i < rows; ++i) {
      double power = 1;
      for (int d = 0; d <= degree; ++d) {
        powers(i, d) = power;
        power *= sample_[static_cast<size_t>(i)];
      }
    }
    const Eigen::Map<const Eigen::VectorXd> target(fraction_.data(), rows);
    const Eigen::VectorXd fitted = powers.colPivHouseholderQr().solve(target);
    for (int d = 0; d <= degree; ++d) model_->polynomial_[static_cast<size_t>(d)] = fitted(d);
  }

  void FitSpline(uint32_t knots) {
    for (uint32_t i = 0; i < knots; ++i) {
      const size_t rank = i * (keys_.size() - 1) / (knots - 1);
      const double fraction = static_cast<double>(rank) / static_cast<double>(keys_.size());
      auto& made = model_->knots_;
      if (made.empty() || made.back().key != keys_[rank]) made.push_back({keys_[rank], fraction});
    }
  }

  void FitNet(uint32_t hidden_layers, uint32_t units, uint32_t steps) {
    std::mt19937_64 random(1);
    std::vector<TrainedLayer> layers;
    int inputs = 1;
    for (uint32_t i = 0; i < hidden_layers; ++i) {
      layers.emplace_back(inputs, static_cast<int>(units), &random);
      inputs = static_cast<int>(units);
    }
    layers.emplace_back(inputs, 1, &random);
    for (uint32_t step = 1; step <= steps; ++step) {
      // The rate falls to a hundredth.
      const double progress = static_cast<double>(step) / steps;
      const auto rate = static_cast<float>(0.01 * std::pow(0.01, progress));
      TrainOnce(&layers, rate, static_cast<int>(step), &random);
    }
    for (const TrainedLayer& layer : layers) model_->layers_.push_back(Frozen(layer));
  }

 private:
  void TrainOnce(std::vector<TrainedLayer>* layers, float rate, int step, std::mt19937_64* random) {
    Eigen::MatrixXf values(1, kBatch);
    Eigen::MatrixXf target(1, kBatch);
    for (int i = 0; i < kBatch; ++i) {
      const size_t pick = (*random)() % sample_.size();
      values(0, i) = static_cast<float>(2 * sample_[pick] - 1);
      target(0, i) = static_cast<float>(fraction_[pick]);
    }
    for (size_t i = 0; i < layers->size(); ++i) {
      values = (*layers)[i].Forward(values, i + 1 < layers->size());
    }
    Eigen::MatrixXf gradient = (values - target) / kBatch;
    for (size_t i = layers->size(); i-- > 0;) {
      gradient = (*layers)[i].Backward(gradient, i + 1 < layers->size(), rate, step);
    }
  }

  static RootModel::Layer Frozen(const TrainedLayer& layer) {
    RootModel::Layer frozen;
    frozen.inputs = static_cast<uint32_t>(layer.weights().cols());
    frozen.outputs = static_cast<uint32_t>(layer.weights().rows());
    for (Eigen::Index o = 0; o < layer.weights().rows(); ++o) {
      for (Eigen::Index i = 0; i < layer.weights().cols(); ++i) {
        frozen.weights.push_back(layer.weights()(o, i));
      }
      frozen.biases.push_back(layer.biases()(o));
    }
    return frozen;
  }

  const std::span<const uint64_t> keys_;
  RootModel* const model_;
  std::vector<double> sample_;    // scaled keys
  std::vector<double> fraction_;  // of the keys that are smaller
};

std::string NameOf(const RootOptions& options) {
  static constexpr std::array<const char*, 5> kNames = {"linear", "log-linear", "cubic", "spline",
                                                        "radix"};
  if (!IsNet(options.kind)) return kNames[static_cast<size_t>(options.kind)];
  const uint32_t layers = HiddenLayers(options.kind);
  std::string name = "net " + std::to_string(layers);
  if (layers > 0) name.append("x").append(std::to_string(options.hidden_units));
  return name;
}

RootModel RootModel::Train(std::span<const uint64_t> keys, const RootOptions& options,
                           uint32_t children) {
  assert(!keys.empty() && children > 0 && options.spline_knots >= 2);
  assert(options.hidden_units >= 1 && options.hidden_units <= kMaxUnits);
  RootModel model(options.kind, keys, children);
  RootTrainer trainer(keys, &model);
  switch (options.kind) {
    case RootKind::kLinear:
    case RootKind::kLogLinear:
      trainer.FitPolynomial(1);
      break;
    case RootKind::kCubic:
      trainer.FitPolynomial(3);
      break;
    case RootKind::kSpline:
      trainer.FitSpline(options.spline_knots);
      break;
    case RootKind::kRadix:
      model.radix_shift_ = RadixShift(model.largest_ - model.smallest_, children);
      break;
    default:
      trainer.FitNet(HiddenLayers(options.kind), options.hidden_units, options.training_steps);
  }
  return model;
}

double RootModel::Scaled(uint64_t key) const {
  const auto distance = static_cast<double>(std::clamp(key, smallest_, largest_) - smallest_);
  const auto span = static_cast<double>(std::max<uint64_t>(largest_ - smallest_, 1));
  if (kind_ == RootKind::kLogLinear) return std::log2(1 + distance) / std::log2(1 + span);
  return distance / span;
}

double RootModel::SplineAt(uint64_t key) const {
  const auto right =
      std::upper_bound(knots_.begin(), knots_.end(), key,
                       [](uint64_t query, const Knot& knot) { return query < knot.key; });
  if (right == knots_.begin()) return 0;
  const Knot& left = *(right - 1);
  if (right == knots_.end()) return left.fraction;
  return left.fraction +
         (right->fraction - left.fraction) *
             (static_cast<double>(key - left.key) / static_cast<double>(right->key - left.key));
}

double RootModel::NetAt(double x) const {
  std::array<float, kMaxUnits> values{static_cast<float>(2 * x - 1)};
  for (size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    std::array<float, kMaxUnits> next{};
    for (uint32_t o = 0; o < layer.outputs; ++o) {
      const float* weights = layer.weights.data() + o * layer.inputs;
      float sum = layer.biases[o];
      for (uint32_t i = 0; i < layer.inputs; ++i) sum += weights[i] * values[i];
      next[o] = l + 1 < layers_.size() ? std::max(sum, 0.0f) : sum;
    }
    values = next;
  }
  return values[0];
}

double RootModel::FractionOf(uint64_t key) const {
  if (kind_ == RootKind::kSpline) return SplineAt(key);
  const double x = Scaled(key);
  if (IsNet(kind_)) return NetAt(x);
  return polynomial_[0] + x * (polynomial_[1] + x * (polynomial_[2] + x * polynomial_[3]));
}

uint32_t RootModel::ChildOf(uint64_t key) const {
  if (kind_ == RootKind::kRadix) {
    const uint64_t child = (std::clamp(key, smallest_, largest_) - smallest_) >> radix_shift_;
    return static_cast<uint32_t>(std::min<uint64_t>(child, children_ - 1));
  }
  // Written so that what is not a number picks the first child.
  const double child = FractionOf(key) * children_;
  if (!(child > 0)) return 0;
  return child < children_ ? static_cast<uint32_t>(child) : children_ - 1;
}

uint64_t RootModel::memory_bytes() const {
  uint64_t bytes = sizeof *this + knots_.size() * sizeof(Knot);
  for (const Layer& layer : layers_) {
    bytes += (layer.weights.size() + layer.biases.size()) * sizeof(float);
  }
  return bytes;
}

void RootModel::Encode(std::string* out) const {
  base::Put8(out, static_cast<uint8_t>(kind_));
  if (kind_ == RootKind::kRadix) {
    base::Put8(out, static_cast<uint8_t>(radix_shift_));
  } else if (kind_ == RootKind::kSpline) {
    base::Put32(out, static_cast<uint32_t>(knots_.size()));
    for (const Knot& knot : knots_) {
      base::Put64(out, knot.key);
      base::AppendLittle(out, knot.fraction);
    }
  } else if (IsNet(kind_)) {
    base::Put8(out, static_cast<uint8_t>(layers_.front().outputs));
    for (const Layer& layer : layers_) {
      for (const float weight : layer.weights) base::AppendLittle(out, weight);
      for (const float bias : layer.biases) base::AppendLittle(out, bias);
    }
  } else {
    for (const double coefficient : polynomial_) base::AppendLittle(out, coefficient);
  }
}

std::optional<RootModel> RootModel::Decode(base::Decoder* decoder, std::span<const uint64_t> keys,
                                           uint32_t children) {
  const auto kind = static_cast<RootKind>(decoder->Get8());
  if (kind > RootKind::kNet2) return std::nullopt;
  RootModel model(kind, keys, children);
  if (kind == RootKind::kRadix) {
    model.radix_shift_ = decoder->Get8();
    if (model.radix_shift_ > 63) return std::nullopt;
  } else if (kind == RootKind::kSpline) {
    if (!model.DecodeKnots(decoder)) return std::nullopt;
  } else if (IsNet(kind)) {
    const uint32_t units = decoder->Get8();
    const bool hidden = kind != RootKind::kNet0;
    if (units == 0 || units > (hidden ? kMaxUnits : 1)) return std::nullopt;
    model.DecodeLayers(decoder, units);
  } else {
    for (double& coefficient : model.polynomial_) {
      coefficient = std::bit_cast<double>(decoder->Get64());
    }
  }
  if (!decoder->ok()) return std::nullopt;
  return model;
}

bool RootModel::DecodeKnots(base::Decoder* decoder) {
  const uint32_t count = decoder->Get32();
  if (count == 0 || count > kMaxKnots) return false;
  for (uint32_t i = 0; i < count && decoder->ok(); ++i) {
    const uint64_t key = decoder->Get64();
    if (i > 0 && key <= knots_.back().key) return false;
    knots_.push_back({key, std::bit_cast<double>(decoder->Get64())});
  }
  return true;
}

void RootModel::DecodeLayers(base::Decoder* decoder, uint32_t units) {
  const uint32_t hidden_layers = HiddenLayers(kind_);
  for (uint32_t i = 0; i <= hidden_layers; ++i) {
    Layer layer;
    layer.inputs = i == 0 ? 1 : units;
    layer.outputs = i == hidden_layers ? 1 : units;
    for (uint32_t w = 0; w < layer.inputs * layer.outputs; ++w) {
      layer.weights.push_back(std::bit_cast<float>(decoder->Get32()));
    }
    for (uint32_t o = 0; o < layer.outputs; ++o) {
      layer.biases.push_back(std::bit_cast<float>(decoder->Get32()));
    }
    layers_.push_back(std::move(layer));
  }
}

}  // namespace sibyl::index
