// TLS, by OpenSSL.

#ifndef SIBYL_SQL_SERVER_TLS_H_
#define SIBYL_SQL_SERVER_TLS_H_

#include <string>

#include "sibyl/result.h"
#include "sql/server/server_state.h"

namespace sibyl::sql::server {

// TLS 1.2 and newer, with a certificate chain and its key from PEM files. kInvalidArgument if they
// cannot be read or do not belong together.
Result<SslContext> MakeTlsContext(const std::string& certificate_path, const std::string& key_path);

// The binding tls-server-end-point (RFC 5929): the hash of the certificate, by the function that it
// is signed with, or by SHA-256 where that is MD5, SHA-1 or none.
std::string EndPointOf(const SSL_CTX* context);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TLS_H_
