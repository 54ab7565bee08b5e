//! Keys that must not stay in memory: those of TLS connections, as the server logs them, and the secret numbers of a
//! private key.

use std::sync::{Arc, Mutex};

use ring::hmac;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{KeyLog, ServerConfig, SupportedProtocolVersion};

use crate::support::tls::Authority;

/// A name for the report, and the secret.
pub(super) type Named = (String, Vec<u8>);

/// TLS of a server that logs its secrets.
#[derive(Clone)]
pub(super) struct Tls {
    /// The certificate of who signed for the server.
    pub(super) ca: String,
    pub(super) config: ServerConfig,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<Named>>);

impl KeyLog for Log {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_owned(), secret.to_vec()));
    }
}

impl Tls {
    /// On the loopback, in this version alone.
    pub(super) fn of(version: &'static SupportedProtocolVersion) -> Self {
        Self::new("127.0.0.1", version, None)
    }

    /// The same for a host, and for clients with certificates.
    pub(super) fn new(host: &str, version: &'static SupportedProtocolVersion, clients: Option<&Authority>) -> Self {
        let authority = Authority::new("test");
        let log = Arc::new(Log::default());
        let mut config = authority.server_config(host, &[version], clients);
        config.key_log = Arc::<Log>::clone(&log);
        Self { ca: authority.pem().to_owned(), config, log }
    }

    /// The secrets of each connection until now, and the keys that are made of them.
    #[track_caller]
    pub(super) fn secrets(&self) -> Vec<Named> {
        let logged = self.log.0.lock().unwrap().clone();
        assert!(!logged.is_empty(), "nobody connected over TLS");
        let mut secrets = Vec::new();
        for (label, secret) in logged {
            if label.contains("TRAFFIC") {
                secrets.extend([("key", 32), ("key", 16), ("iv", 12)].map(|(purpose, length)| {
                    (format!("TLS key: {label}, {purpose} of {length}"), expand(&secret, purpose, length))
                }));
            }
            secrets.push((format!("TLS secret: {label}"), secret));
        }
        secrets
    }
}

/// HKDF-Expand-Label of TLS 1.3, see RFC 8446, section 7.1, for lengths that need one block.
fn expand(secret: &[u8], purpose: &str, length: u8) -> Vec<u8> {
    let algorithm = if secret.len() == 48 { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 };
    let label = format!("tls13 {purpose}");
    let label_length = u8::try_from(label.len()).unwrap();
    let info = [&[0, length, label_length][..], label.as_bytes(), &[0, 1]].concat();
    hmac::sign(&hmac::Key::new(algorithm, secret), &info).as_ref()[..length.into()].to_vec()
}

/// The secret numbers of a private key, as they are encoded and as ring calculates with them: in reverse byte
/// order, for a curve also multiplied by 2^256 (Montgomery form).
pub(super) fn secret_numbers(pem: &str) -> Vec<Named> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let der = key.secret_der();
    // An octet string behind the version, or within another one.
    let behind = |mark: &[u8]| {
        let at = der.windows(mark.len()).position(|window| window == mark)? + mark.len();
        Some(der[at + 1..at + 1 + usize::from(der[at])].to_vec())
    };
    let mut numbers = match behind(&[0x02, 0x01, 0x01, 0x04]).or_else(|| behind(&[0x04, 0x22, 0x04])) {
        Some(scalar) => vec![("private key".to_owned(), scalar)],
        None => rsa_numbers(der),
    };
    if let [(name, scalar)] = &numbers[..]
        && scalar.len() == 32
    {
        numbers.push((format!("{name}: multiplied"), montgomery(scalar)));
    }
    for (name, number) in numbers.clone() {
        numbers.push((format!("{name}: reversed"), number.into_iter().rev().collect()));
    }
    numbers
}

/// The exponent, the primes and what belongs to them: all but the version, the modulus and the public exponent, see RFC
/// 8017, appendix A.1.2.
fn rsa_numbers(pkcs8: &[u8]) -> Vec<Named> {
    let mark = [0x02, 0x01, 0x00, 0x02, 0x82];
    let at = pkcs8.windows(mark.len()).position(|window| window == mark).expect("an RSA key");
    let mut rest = &pkcs8[at..];
    let mut numbers = Vec::new();
    while let [0x02, first, ..] = *rest {
        let (head, length) = match first {
            0x82 => (4, usize::from(rest[2]) << 8 | usize::from(rest[3])),
            0x81 => (3, usize::from(rest[2])),
            short => (2, usize::from(short)),
        };
        numbers.push(rest[head..head + length].to_vec());
        rest = &rest[head + length..];
    }
    let names = ["d", "p", "q", "dP", "dQ", "qInv"].map(|name| format!("private key: {name}"));
    let numbers: Vec<_> = names.into_iter().zip(numbers.into_iter().skip(3)).collect();
    assert_eq!(numbers.len(), 6, "an RSA key has these");
    numbers
}

/// A scalar of P-256, times 2^256, modulo the order of the curve.
fn montgomery(scalar: &[u8]) -> Vec<u8> {
    const ORDER: [u64; 4] =
        [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(scalar.rchunks(8)) {
        *limb = u64::from_be_bytes(bytes.try_into().unwrap());
    }
    for _ in 0..256 {
        let overflow = limbs[3] >> 63 == 1;
        limbs = std::array::from_fn(|n| limbs[n] << 1 | if n == 0 { 0 } else { limbs[n - 1] >> 63 });
        if overflow || limbs.iter().rev().ge(ORDER.iter().rev()) {
            let mut borrow = false;
            for (limb, order) in limbs.iter_mut().zip(ORDER) {
                let (once, first) = limb.overflowing_sub(order);
                let (twice, second) = once.overflowing_sub(u64::from(borrow));
                (*limb, borrow) = (twice, first || second);
            }
        }
    }
    limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
}
