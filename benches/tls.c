// TLS 1.3, with wolfSSL, and host names for the floor. The server's certificate is verified against the authority in the file
// that VAULT_CACERT names. Without it, the issuer is looked up in the store that SSL_CERT_FILE names, and only its certificate
// is parsed.
#include <fcntl.h>
#include <netdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>

typedef WOLFSSL *connection;

static struct in_addr resolve(const char *host) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, NULL, &hints, &found)) exit(125);
    return ((struct sockaddr_in *)found->ai_addr)->sin_addr;
}

static WOLFSSL_CTX *context;
static unsigned char base64_value[256];

// Decodes lines of base64 up to the end of the certificate, or `most` bytes and up to two more. Returns the length.
static int decode(const unsigned char *base64, unsigned char *der, int most) {
    int length = 0;
    for (; length < most && *base64 != '-'; base64 += 4) {
        unsigned bits = base64_value[base64[0]] << 18 | base64_value[base64[1]] << 12 | base64_value[base64[2]] << 6;
        bits |= base64_value[base64[3]];
        der[length++] = bits >> 16;
        der[length++] = bits >> 8;
        der[length++] = bits;
        if (base64[4] == '\n') base64++;
    }
    return length;
}

// Adds the certificate whose subject is the issuer to the trusted ones. A subject is within the first 768 bytes.
static int trust_issuer(const unsigned char *issuer, int issuer_length) {
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n";
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 64; i++) base64_value[(unsigned char)alphabet[i]] = i;
    struct stat file;
    int store = open(getenv("SSL_CERT_FILE"), O_RDONLY | O_CLOEXEC);
    if (store < 0 || fstat(store, &file)) return 0;
    char *pem = mmap(NULL, file.st_size + 1, PROT_READ, MAP_PRIVATE | MAP_POPULATE, store, 0), *end = pem + file.st_size;
    if (pem == MAP_FAILED) return 0;
    unsigned char der[8200];
    for (char *at = pem; (at = memmem(at, end - at, begin, sizeof begin - 1)); ) {
        at += sizeof begin - 1;
        if (!memmem(der, decode((unsigned char *)at, der, 768), issuer, issuer_length)) continue;
        decode((unsigned char *)at, der, sizeof der - 2);
        WOLFSSL_CERT_MANAGER *trusted = wolfSSL_CTX_GetCertManager(context);
        int length = 4 + (der[2] << 8 | der[3]);
        return wolfSSL_CertManagerLoadCABuffer(trusted, der, length, SSL_FILETYPE_ASN1) == SSL_SUCCESS;
    }
    return 0;
}

// Is called when the certificate was not accepted. The only error that is mended is an issuer that was not loaded yet.
static int verify_by_store(int accepted, WOLFSSL_X509_STORE_CTX *state) {
    if (accepted || state->error != ASN_NO_SIGNER_E) return accepted;
    const WOLFSSL_BUFFER_INFO *leaf = state->certs;
    DecodedCert certificate;
    InitDecodedCert(&certificate, leaf->buffer, leaf->length, NULL);
    if (ParseCert(&certificate, CERT_TYPE, NO_VERIFY, NULL)) return 0;
    int trusted = trust_issuer(certificate.issuerRaw, certificate.issuerRawLen);
    FreeDecodedCert(&certificate);
    WOLFSSL_CERT_MANAGER *all = wolfSSL_CTX_GetCertManager(context);
    return trusted && wolfSSL_CertManagerVerifyBuffer(all, leaf->buffer, leaf->length, SSL_FILETYPE_ASN1) == SSL_SUCCESS;
}

static connection secure(int socket, const char *host) {
    if (!context) {
        context = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
        const char *authority = getenv("VAULT_CACERT");
        if (!context || (authority && wolfSSL_CTX_load_verify_locations(context, authority, NULL) != SSL_SUCCESS)) exit(125);
        wolfSSL_CTX_set_verify(context, SSL_VERIFY_PEER, authority ? NULL : verify_by_store);
        wolfSSL_CTX_set_cipher_list(context, "TLS13-AES128-GCM-SHA256");
    }
    connection tls = wolfSSL_new(context);
    wolfSSL_check_domain_name(tls, host);
    struct in_addr address;
    if (!inet_aton(host, &address)) wolfSSL_UseSNI(tls, WOLFSSL_SNI_HOST_NAME, host, strlen(host));
    if (wolfSSL_UseKeyShare(tls, WOLFSSL_ECC_X25519) != SSL_SUCCESS || wolfSSL_set_fd(tls, socket) != SSL_SUCCESS) exit(125);
    int result = wolfSSL_connect(tls);
    if (result != SSL_SUCCESS) {
        fprintf(stderr, "floor: TLS error %d\n", wolfSSL_get_error(tls, result));
        exit(125);
    }
    return tls;
}

static ssize_t send_bytes(connection to, const char *bytes, size_t length) { return wolfSSL_write(to, bytes, length); }
static ssize_t receive(connection from, char *bytes, size_t length) { return wolfSSL_read(from, bytes, length); }
