//! A store that is decoded as needed gives the same verdicts as one that rustls holds whole.

use std::cell::RefCell;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use proptest::prelude::*;
use proptest::sample::Index;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;

use super::*;

const CAS: usize = 400;

/// A certificate, and the index of its issuer's.
struct Made {
    pem: String,
    der: CertificateDer<'static>,
    parent: usize,
}

/// Certificates of authorities with few names and few keys, so that many share a name or a key, are signed by several, or
/// are not signed by the one they name; then those of servers.
static CERTIFICATES: LazyLock<Vec<Made>> = LazyLock::new(|| {
    let keys: Vec<_> = (0..9).map(|_| KeyPair::generate().unwrap()).collect();
    let mut random = 1_u32;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % limit
    };
    let (mut made, mut issuers) = (Vec::new(), Vec::<(CertificateParams, usize)>::new());
    for number in 0..CAS + 200 {
        let is_ca = number < CAS;
        let mut params = CertificateParams::new(if is_ca { vec![] } else { vec!["a.test".to_owned()] }).unwrap();
        // One is a prefix of others, and one is empty.
        let name = below(60);
        for part in ["authority", "of this", "world"].iter().take(name % 4) {
            params.distinguished_name.push(DnType::OrganizationName, *part);
            params.distinguished_name.push(DnType::CommonName, format!("{part} {}", name / 4));
        }
        if is_ca {
            params.is_ca = match below(9) {
                0 => IsCa::NoCa,
                1 => IsCa::Ca(BasicConstraints::Constrained(0)),
                _ => IsCa::Ca(BasicConstraints::Unconstrained),
            };
        }
        let tree = |name: &str| vec![GeneralSubtree::DnsName(name.to_owned())];
        params.name_constraints = match below(8) {
            0 if is_ca => Some(NameConstraints { permitted_subtrees: tree("b.test"), excluded_subtrees: vec![] }),
            1 if is_ca => Some(NameConstraints { permitted_subtrees: tree("test"), excluded_subtrees: vec![] }),
            2 if is_ca => Some(NameConstraints { permitted_subtrees: vec![], excluded_subtrees: tree("a.test") }),
            _ => None,
        };
        match below(14) {
            0 => params.not_after = date_time_ymd(2001, 1, 1),
            1 => params.not_before = date_time_ymd(2090, 1, 1),
            _ => {}
        }
        let (parent, mut key) = (below(issuers.len().max(1)).min(CAS - 1), below(keys.len()));
        let is_root = issuers.is_empty() || (is_ca && below(3) == 0);
        if is_root && below(2) == 0 {
            key = name % keys.len();
        }
        let certificate = if is_root {
            params.self_signed(&keys[key])
        } else {
            let (issuer, issuer_key) = &issuers[parent];
            // Seldom one that its issuer did not sign.
            let signer = if below(12) == 0 { below(keys.len()) } else { *issuer_key };
            params.signed_by(&keys[key], &Issuer::from_params(issuer, &keys[signer]))
        };
        let certificate = certificate.unwrap();
        made.push(Made {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            parent: if is_root { number } else { parent },
        });
        issuers.push((params, key));
    }
    made
});

/// A certificate in the text of a store, as it is or in a form that a store can have by accident.
fn written(pem: &str, form: u32, at: usize) -> String {
    let body = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let in_lines = |width: usize, end: &str| {
        let lines = body.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap().to_owned() + end);
        format!("-----BEGIN CERTIFICATE-----{end}{}-----END CERTIFICATE-----{end}", lines.collect::<String>())
    };
    let changed = |change: char| {
        let mut bytes: Vec<_> = pem.chars().collect();
        let at = at % bytes.len();
        bytes[at] = change;
        bytes.into_iter().collect()
    };
    match form {
        0 => format!("# {pem}"),
        1 => format!("Certificate:\n    Data: -----\n\n{pem}"),
        2 => format!("{pem}{pem}"),
        3 => in_lines(64, "\r\n"),
        4 => in_lines(64, "\r"),
        5 => in_lines(76, "\n"),
        6 => in_lines(4, "\n"),
        7 => in_lines(65, "\n"),
        8 => pem.replace('=', ""),
        9 => pem.replace("-----END", ""),
        10 => pem.trim_end().to_owned(),
        11 => pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        12 => format!("-----BEGIN PRIVATE KEY-----\nAAAA\n{pem}"),
        13 => format!("-----END CERTIFICATE-----\n{pem}"),
        14 => pem.replace("-----BEGIN", " -----BEGIN"),
        15 => pem.replacen('\n', "\n\n", 3),
        16 => pem.replace("-----END", "-----BEGIN CERTIFICATE-----\n-----END"),
        17 => changed('A'),
        18 => changed('z'),
        19 => changed('\n'),
        20 => changed(' '),
        21 => changed('-'),
        22 => changed('='),
        23 => changed('é'),
        // Two lines of other lengths that are together as long as regular ones.
        24 => {
            let lines: Vec<_> = pem.split_inclusive('\n').collect();
            format!("{}{}\n{}{}", lines[0], &lines[1][..63], &lines[1][63..64], lines[2..].concat())
        }
        25 => {
            let (at, mut bytes) = (28 + at % 64, pem.to_owned().into_bytes());
            bytes[at..=28 + 64].rotate_right(1);
            String::from_utf8(bytes).unwrap()
        }
        26 => "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        27 => "-----BEGIN CERTIFICATE\n".to_owned(),
        // A line that begins another object.
        28 => {
            let lines: Vec<_> = pem.split_inclusive('\n').collect();
            format!("{}{}-----BEGIN {:A>48}-----\n{}", lines[0], lines[1], "", lines[3..].concat())
        }
        _ => pem.to_owned(),
    }
}

const FORMS: u32 = 29;

/// Compares the verdicts on servers' certificates, each with what is shown with it, and returns them.
fn verdicts(text: &str, shown: &[Vec<CertificateDer<'_>>], name: &str) -> Vec<String> {
    let provider = ring::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let (mut whole, mut lazy, mut of_file) = (TrustStore::default(), TrustStore::default(), TrustStore::default());
    let mut file = File::from(memfd_create("store", MFdFlags::empty()).unwrap());
    file.write_all(text.as_bytes()).unwrap();
    of_file.add_lazily(text.as_bytes().to_vec(), Some(file)).ok();
    let usable = whole.add_usable(text.as_bytes()).map(|count| count > 0).map_err(|error| format!("{error:?}"));
    let added = lazy.add_lazily(text.as_bytes().to_vec(), None).map_err(|error| format!("{error:?}"));
    assert_eq!(added, usable);
    if added != Ok(true) {
        return Vec::new();
    }
    let roots = RootCertStore { roots: whole.authorities.into_owned() };
    let whole = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.into()).build().unwrap();
    let [lazy, of_file] = [lazy, of_file].map(|store| Verifier { store: Some(store), algorithms });
    let name = ServerName::try_from(name).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
    let verdict = |verifier: &dyn ServerCertVerifier, shown: &[CertificateDer<'_>]| {
        format!("{:?}", verifier.verify_server_cert(&shown[0], &shown[1..], &name, &[], now))
    };
    let compared = |shown: &Vec<_>| {
        let (expected, actual) = (verdict(&*whole, shown), verdict(&lazy, shown));
        assert_eq!(actual, expected);
        assert_eq!(verdict(&of_file, shown), expected);
        actual
    };
    shown.iter().map(compared).collect()
}

#[test]
fn a_certificate_in_any_form_gives_the_same_verdict() {
    let all = &*CERTIFICATES;
    let shown = |server: usize| [vec![all[server].der.clone()]];
    let authority = |server: usize| &all[all[server].parent].pem;
    let is_accepted = |server: &usize| verdicts(authority(*server), &shown(*server), "a.test")[0].starts_with("Ok");
    let server = (CAS..all.len()).find(is_accepted).unwrap();
    let (shown, needed, other) = (shown(server), authority(server), &all[0].pem);
    for form in 0..FORMS {
        for at in (0..600).step_by(if (17..=25).contains(&form) { 53 } else { 600 }) {
            verdicts(&written(needed, form, at), &shown, "a.test");
            verdicts(&(needed.clone() + &written(other, form, at)), &shown, "a.test");
            verdicts(&(other.clone() + &written(other, form, at) + needed), &shown, "a.test");
        }
    }
}

#[test]
fn a_lazy_store_gives_the_verdicts_of_a_whole_one() {
    let seen = RefCell::new(String::new());
    let all = &*CERTIFICATES;
    proptest!(ProptestConfig::with_cases(30), |(
        mut store in prop::collection::vec(0..CAS, 0..200),
        odd in prop::collection::vec((any::<Index>(), 0..FORMS, any::<usize>()), 0..4),
        servers in prop::collection::vec(CAS..CAS + 200, 20),
        noise in prop::collection::vec((any::<Index>(), 0..CAS), 0..3),
        intermediates in 0_usize..5,
        name in prop::sample::select(vec!["a.test", "b.test"]),
    )| {
        // Some that are needed.
        store.extend(servers[..10].iter().map(|server| all[all[*server].parent].parent));
        let mut text: Vec<_> = store.iter().map(|index| all[*index].pem.clone()).collect();
        for (index, form, at) in odd {
            let written = written(&text[index.index(text.len())], form, at);
            *index.get_mut(&mut text) = written;
        }
        let shown = |server: &usize| {
            let chain = iter::successors(Some(*server), |index| Some(all[*index].parent));
            let mut chain: Vec<_> = chain.take(1 + intermediates).map(|index| all[index].der.clone()).collect();
            for (index, other) in &noise {
                chain.insert(1 + index.index(chain.len()), all[*other].der.clone());
            }
            chain
        };
        let shown: Vec<_> = servers.iter().map(shown).collect();
        *seen.borrow_mut() += &verdicts(&text.concat(), &shown, name).join("\n");
        seen.borrow_mut().push('\n');
    });
    let kinds = ["Ok", "UnknownIssuer", "BadSignature", "Expired", "NotValidYet", "NotValidForName", "NameConstraint"];
    for kind in kinds {
        assert!(seen.borrow().contains(kind), "never {kind}");
    }
}
