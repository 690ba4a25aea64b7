#include "sql/server/auth/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stringprep.h>

#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "base/text.h"

namespace sibyl::sql::server {
namespace {

constexpr int kIterations = 4096;  // PostgreSQL's; RFC 7677 asks for at least as many
constexpr size_t kSaltBytes = 16;
constexpr size_t kHashBytes = SHA256_DIGEST_LENGTH;
constexpr std::string_view kScheme = "SCRAM-SHA-256";
constexpr std::string_view kBoundHeader = "p=tls-server-end-point,,";

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string* text) { return reinterpret_cast<unsigned char*>(text->data()); }

std::string Hmac(std::string_view key, std::string_view message) {
  std::string mac(kHashBytes, '\0');
  unsigned size_bytes = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(message), message.size(),
       Bytes(&mac), &size_bytes);
  return mac;
}

std::string Hash(std::string_view message) {
  std::string hash(kHashBytes, '\0');
  SHA256(Bytes(message), message.size(), Bytes(&hash));
  return hash;
}

std::string Xor(std::string a, std::string_view b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<char>(a[i] ^ b[i]);
  return a;
}

// SASLprep: other ways to write the same characters become one.
std::string Prepared(std::string_view password) {
  char* prepared = nullptr;
  if (password.find('\0') != std::string_view::npos ||
      stringprep_profile(std::string(password).c_str(), &prepared, "SASLprep",
                         STRINGPREP_NO_UNASSIGNED) != STRINGPREP_OK) {
    return std::string(password);
  }
  const std::unique_ptr<char, decltype(&std::free)> owned(prepared, std::free);
  return owned.get()[0] == '\0' ? std::string(password) : std::string(owned.get());
}

// `password` is prepared.
std::string SaltedPassword(std::string_view password, std::string_view salt, int iterations) {
  std::string salted(kHashBytes, '\0');
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Bytes(salt),
                    static_cast<int>(salt.size()), iterations, EVP_sha256(), kHashBytes,
                    Bytes(&salted));
  return salted;
}

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  SIBYL_CHECK(RAND_bytes(Bytes(&bytes), static_cast<int>(count)) == 1);
  return bytes;
}

std::string Base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<size_t>(
      EVP_EncodeBlock(Bytes(&text), Bytes(bytes), static_cast<int>(bytes.size()))));
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0 || text.empty()) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int count = EVP_DecodeBlock(Bytes(&bytes), Bytes(text), static_cast<int>(text.size()));
  if (count < 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  bytes.resize(static_cast<size_t>(count) - padding);
  return bytes;
}

// Takes "name=value" from the front of a list with commas; nullopt: another attribute is there.
std::optional<std::string_view> TakeAttribute(std::string_view* list, char name) {
  if (list->size() < 2 || (*list)[0] != name || (*list)[1] != '=') return std::nullopt;
  const size_t end = std::min(list->find(','), list->size());
  const std::string_view value = list->substr(2, end - 2);
  list->remove_prefix(std::min(end + 1, list->size()));
  return value;
}

ScramVerifier VerifierOf(std::string_view password, std::string salt) {
  const std::string salted = SaltedPassword(password, salt, kIterations);
  return {kIterations, std::move(salt), Hash(Hmac(salted, "Client Key")),
          Hmac(salted, "Server Key")};
}

}  // namespace

ScramVerifier MakeScramVerifier(std::string_view password) {
  return VerifierOf(Prepared(password), RandomBytes(kSaltBytes));
}

ScramVerifier MakeMockVerifier(std::string_view user, std::string_view server_secret) {
  const std::string secret = Hmac(server_secret, user);
  // The keys are hashes of nothing that a client could know.
  return {kIterations, secret.substr(0, kSaltBytes), Hash(secret), Hash(secret + "server")};
}

std::string ToText(const ScramVerifier& verifier) {
  return std::string(kScheme) + "$" + std::to_string(verifier.iterations) + ":" +
         Base64(verifier.salt) + "$" + Base64(verifier.stored_key) + ":" +
         Base64(verifier.server_key);
}

std::optional<ScramVerifier> ScramVerifierFromText(std::string_view text) {
  const auto take = [&text](char end) {
    const size_t at = std::min(text.find(end), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
  };
  if (take('$') != kScheme) return std::nullopt;
  const std::string_view iterations = take(':');
  const auto salt = FromBase64(take('$'));
  const auto stored_key = FromBase64(take(':'));
  const auto server_key = FromBase64(text);
  ScramVerifier verifier;
  verifier.iterations = base::ParseNumber<int>(iterations).value_or(0);
  if (verifier.iterations < 1 || !salt || !stored_key || !server_key ||
      stored_key->size() != kHashBytes || server_key->size() != kHashBytes) {
    return std::nullopt;
  }
  verifier.salt = *salt;
  verifier.stored_key = *stored_key;
  verifier.server_key = *server_key;
  return verifier;
}

std::optional<std::string> ScramExchange::FirstReply(std::string_view client_first) {
  // The gs2 header: what the login is bound to ("n": the client cannot, "y": it could but has not
  // seen that we can, which with TLS somebody has hidden from it), and no other identity.
  std::string_view header = binding_.is_required ? kBoundHeader : "n,,";
  if (!binding_.is_required && binding_.end_point.empty() && client_first.starts_with('y')) {
    header = "y,,";
  }
  if (!client_first.starts_with(header)) return std::nullopt;
  expected_binding_ = std::string(header) + (binding_.is_required ? binding_.end_point : "");
  std::string_view bare = client_first.substr(header.size());
  client_first_bare_ = bare;
  if (!TakeAttribute(&bare, 'n')) return std::nullopt;
  const auto client_nonce = TakeAttribute(&bare, 'r');
  if (!client_nonce || client_nonce->empty()) return std::nullopt;
  nonce_ = std::string(*client_nonce) + nonce_;
  server_first_ =
      "r=" + nonce_ + ",s=" + Base64(verifier_.salt) + ",i=" + std::to_string(verifier_.iterations);
  return server_first_;
}

std::optional<std::string> ScramExchange::FinalReply(std::string_view client_final) {
  const size_t proof_at = client_final.rfind(",p=");
  if (proof_at == std::string_view::npos) return std::nullopt;
  const std::string without_proof(client_final.substr(0, proof_at));
  const auto proof = FromBase64(client_final.substr(proof_at + 3));
  std::string_view list = without_proof;
  const auto binding = TakeAttribute(&list, 'c');
  const auto nonce = TakeAttribute(&list, 'r');
  if (!binding || !nonce || !proof || proof->size() != kHashBytes) return std::nullopt;
  if (*binding != Base64(expected_binding_) || *nonce != nonce_) return std::nullopt;
  const std::string message = client_first_bare_ + "," + server_first_ + "," + without_proof;
  const std::string client_key = Xor(*proof, Hmac(verifier_.stored_key, message));
  if (CRYPTO_memcmp(Hash(client_key).data(), verifier_.stored_key.data(), kHashBytes) != 0) {
    return std::nullopt;
  }
  return "v=" + Base64(Hmac(verifier_.server_key, message));
}

std::string ScramClient::First() {
  return std::string(end_point_.empty() ? "n,," : kBoundHeader) + "n=,r=" + nonce_;
}

std::optional<std::string> ScramClient::Final(std::string_view server_first) {
  std::string_view list = server_first;
  const auto nonce = TakeAttribute(&list, 'r');
  const auto salt_text = TakeAttribute(&list, 's');
  const auto iterations_text = TakeAttribute(&list, 'i');
  if (!nonce || !nonce->starts_with(nonce_) || !salt_text || !iterations_text) return std::nullopt;
  const auto salt = FromBase64(*salt_text);
  const int iterations = base::ParseNumber<int>(*iterations_text).value_or(0);
  if (!salt || iterations < 1) return std::nullopt;
  const std::string salted = SaltedPassword(Prepared(password_), *salt, iterations);
  const std::string client_key = Hmac(salted, "Client Key");
  const std::string header(end_point_.empty() ? "n,," : kBoundHeader);
  const std::string without_proof =
      "c=" + Base64(header + end_point_) + ",r=" + std::string(*nonce);
  const std::string message =
      "n=,r=" + nonce_ + "," + std::string(server_first) + "," + without_proof;
  server_signature_ = Hmac(Hmac(salted, "Server Key"), message);
  return without_proof + ",p=" + Base64(Xor(client_key, Hmac(Hash(client_key), message)));
}

bool ScramClient::IsServerGenuine(std::string_view server_final) const {
  return !server_signature_.empty() && server_final == "v=" + Base64(server_signature_);
}

std::string RandomNonce() { return Base64(RandomBytes(18)); }

}  // namespace sibyl::sql::server
