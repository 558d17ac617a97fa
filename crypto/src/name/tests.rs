//! Key names round-trip, have one spelling, and nothing else decodes.

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, prop_assume, proptest};
use ruma::ServerName;

use super::{
    DEFAULT_SUFFIX, LABEL_LENGTH, LabelError, NameKind, decode_label, encode_label, key_of, kind, server_name,
};
use crate::{Key, ServerIdentity};

fn public_key(mut seed: [u8; 32]) -> [u8; 32] {
    ServerIdentity::in_key_mode(&Key::take(&mut seed)).public_key()
}

#[test]
fn the_format_is_frozen() {
    // A changed prefix, order or alphabet would rename every server there is.
    assert_eq!(encode_label(&public_key([7; 32])), "5jfgyy7ctrjavpxvkb5rglwf7gkuo5vox27hxescd3vgsfcg2iwgheib");
}

#[test]
fn a_name_is_label_and_suffix() {
    let key = public_key([1; 32]);
    let name = server_name(&key, DEFAULT_SUFFIX).unwrap();
    assert_eq!(name.as_str().len(), LABEL_LENGTH + 1 + DEFAULT_SUFFIX.len());
    assert_eq!(key_of(&name), Some(key));
    assert!(server_name(&key, "not a host").is_err());
}

#[test]
fn the_suffix_and_port_are_only_hints() {
    let key = public_key([2; 32]);
    for tail in ["", ".hearth.alt", ".example.org", ".a.b.c", ".example.org:8448"] {
        let name = ServerName::parse(format!("{}{tail}", encode_label(&key))).unwrap();
        assert_eq!(kind(&name), NameKind::Key(key), "{name}");
    }
}

#[test]
fn ordinary_names_are_not_keys_and_other_spellings_are_refused() {
    let label = encode_label(&public_key([3; 32]));
    for name in ["matrix.org", "1.2.3.4:8448", "[::1]:8448", "localhost", &format!("x.{label}.org")] {
        assert_eq!(kind(&ServerName::parse(name).unwrap()), NameKind::Ordinary, "{name}");
    }
    let shouted = format!("{}.hearth.alt", label.to_uppercase());
    assert_eq!(kind(&ServerName::parse(shouted).unwrap()), NameKind::Misspelt);
}

#[test]
fn another_version_and_a_point_off_the_curve_are_told_apart() {
    let relabel = |key: [u8; 32], version: u8| {
        let mut bytes = key.to_vec();
        bytes.extend_from_slice(&super::checksum(&key));
        bytes.push(version);
        super::BASE32_LOWER.encode(&bytes)
    };
    assert_eq!(decode_label(&relabel(public_key([4; 32]), 2)), Err(LabelError::Version));
    let off_curve = (0..=u8::MAX)
        .map(|last| {
            let mut key = [0xfe; 32];
            key[31] = last;
            key
        })
        .find(|key| vodozemac::Ed25519PublicKey::from_slice(key).is_err())
        .unwrap();
    assert_eq!(decode_label(&relabel(off_curve, 1)), Err(LabelError::Key));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_key_round_trips(seed in any::<[u8; 32]>()) {
        let key = public_key(seed);
        let label = encode_label(&key);
        prop_assert_eq!(label.len(), LABEL_LENGTH);
        prop_assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        prop_assert_eq!(decode_label(&label), Ok(key));
    }

    #[test]
    fn a_decoded_label_is_the_only_spelling(label in "[a-zA-Z2-7]{56}") {
        if let Ok(key) = decode_label(&label) {
            prop_assert_eq!(encode_label(&key), label);
        }
    }

    #[test]
    fn one_wrong_character_never_gives_the_same_key(seed in any::<[u8; 32]>(), at in 0..LABEL_LENGTH, new in "[a-z2-7]") {
        let key = public_key(seed);
        let mut label = encode_label(&key);
        prop_assume!(label[at..=at] != new);
        label.replace_range(at..=at, &new);
        prop_assert!(decode_label(&label) != Ok(key));
    }

    #[test]
    fn garbage_never_panics(label in ".{0,80}") {
        let _ = decode_label(&label);
    }
}
