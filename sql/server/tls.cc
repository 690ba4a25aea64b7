#include "sql/server/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace sibyl::sql::server {
namespace {

Error TlsError(const std::string& what) {
  char reason[256] = "";
  ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
  return {ErrorCode::kInvalidArgument, "TLS: " + what + ": " + reason};
}

}  // namespace

Result<SslContext> MakeTlsContext(const std::string& certificate_path,
                                  const std::string& key_path) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return TlsError("no context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // The session's buffer may move between two tries to send the same bytes.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_path.c_str()) != 1) {
    return TlsError("cannot use certificate " + certificate_path);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    return TlsError("cannot use key " + key_path);
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return TlsError("key " + key_path + " does not belong to " + certificate_path);
  }
  return context;
}

std::string EndPointOf(const SSL_CTX* context) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  int hash_id = NID_undef;
  if (certificate == nullptr ||
      X509_get_signature_info(const_cast<X509*>(certificate), &hash_id, nullptr, nullptr,
                              nullptr) != 1 ||
      hash_id == NID_md5 || hash_id == NID_sha1 || hash_id == NID_undef) {
    hash_id = NID_sha256;
  }
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size_bytes = 0;
  if (certificate == nullptr ||
      X509_digest(certificate, EVP_get_digestbynid(hash_id), hash, &size_bytes) != 1) {
    return {};
  }
  return {reinterpret_cast<const char*>(hash), size_bytes};
}

}  // namespace sibyl::sql::server
