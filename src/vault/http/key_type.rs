//! `[pure]` The kinds of keys that are not supported, for messages.

/// Those that are, for hints.
pub(crate) const SUPPORTED_KEYS: &str = "supported keys: RSA of 2048 to 4096 bits, ECDSA with P-256 or P-384, Ed25519";

/// Object identifiers in DER: of algorithms (RFC 4055, RFC 8410) and curves (RFC 5480, SEC 2).
const UNSUPPORTED: [(&[u8], &str); 5] = [
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RSA-PSS"),
    (b"\x06\x05\x2b\x81\x04\x00\x23", "ECDSA with P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "ECDSA with secp256k1"),
    (b"\x06\x03\x2b\x65\x71", "Ed448"),
    // ecdsa-with-SHA512
    (b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04", "ECDSA with P-521"),
];

const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

/// The shortest RSA public key of 2048 bits with its algorithm, give or take a few bytes; one of 1536 bits has 222.
const MIN_RSA_BYTES: usize = 270;

/// The kind of a public key (`SubjectPublicKeyInfo`) or an algorithm, if it is not supported.
pub(crate) fn unsupported_public_key(der: &[u8]) -> Option<&'static str> {
    let short = || (contains(der, RSA) && der.len() < MIN_RSA_BYTES).then_some("RSA of less than 2048 bits");
    unsupported_algorithm(der).or_else(short)
}

/// The kind of a private key that cannot be used.
pub(super) fn unusable_private_key(der: &[u8], is_pkcs1: bool) -> &'static str {
    let is_rsa = is_pkcs1 || contains(der, RSA);
    let other = if is_rsa { "RSA of less than 2048 or more than 4096 bits" } else { "of an unknown kind, or damaged" };
    unsupported_algorithm(der).unwrap_or(other)
}

/// The kind of a key with this algorithm identifier, if it is not supported.
pub(crate) fn unsupported_algorithm(der: &[u8]) -> Option<&'static str> {
    UNSUPPORTED.iter().find(|(identifier, _)| contains(der, identifier)).map(|(_, kind)| *kind)
}

fn contains(der: &[u8], identifier: &[u8]) -> bool {
    der.windows(identifier.len()).any(|window| window == identifier)
}
