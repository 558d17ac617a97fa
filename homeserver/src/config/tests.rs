//! Settings are read strictly.

use super::{Config, Listen, ServerNameChoice};

#[test]
fn an_unknown_key_is_named() {
    let error = toml::from_str::<Config>("clinet_listen = \"off\"").unwrap_err().to_string();
    assert!(error.contains("clinet_listen"), "{error}");
}

#[test]
fn settings_have_at_most_forty_keys_and_survive_a_round_trip() {
    let config = Config { server_name: ServerNameChoice::Name("one.example".to_owned()), ..Config::default() };
    let text = toml::to_string(&config).unwrap();
    assert!(text.lines().count() <= 40);
    let back: Config = toml::from_str(&text).unwrap();
    assert_eq!(back.server_name, config.server_name);
    assert_eq!(back.client_listen, Listen::Off);
}

#[test]
fn half_a_certificate_and_bad_names_are_refused() {
    let half = Config { tls_cert: Some("a.pem".into()), ..Config::default() };
    assert!(half.check().is_err());
    let name = Config { server_name: ServerNameChoice::Name("not a name".to_owned()), ..Config::default() };
    assert!(name.check().is_err());
}

#[test]
fn mail_needs_a_sender_and_the_url_that_its_links_lead_to() {
    let whole = r#"
        smtp = "smtps://mail.example:465"
        smtp_from = "Hearth <hearth@one.example>"
        public_url = "https://one.example"
    "#;
    let config = |settings: &str| toml::from_str::<Config>(settings).unwrap();
    config(whole).check().unwrap();
    assert!(config(whole).mail().unwrap().is_some() && Config::default().mail().unwrap().is_none());
    for (wrong, with) in [
        ("smtps://mail.example:465", "https://mail.example"),
        ("smtps://mail.example:465", "smtp://name:secret@mail.example"),
        ("smtps://mail.example:465", "smtp://mail.example/?tls=none"),
        ("Hearth <hearth@one.example>", "nobody"),
        ("smtp = \"smtps://mail.example:465\"", ""),
        ("smtp_from = \"Hearth <hearth@one.example>\"", ""),
        ("public_url = \"https://one.example\"", ""),
        ("public_url =", "smtp_user = \"hearth\"\npublic_url ="),
    ] {
        assert!(whole.contains(wrong));
        assert!(config(&whole.replace(wrong, with)).check().is_err(), "{wrong} {with}");
    }
}

#[test]
fn turn_servers_are_our_own_or_others_that_can_be_used_together() {
    let check = |settings: &str| toml::from_str::<Config>(&format!("[turn]\n{settings}")).unwrap().check();
    for good in [
        "listen = \"0.0.0.0:3478\"",
        "listen = \"0.0.0.0:3478\"\naddress = \"192.0.2.1\"\nrelay_ports = [50000, 50100]",
        "listen = \"[::]:3478\"\nuris = [\"turn:turn.one.example\"]\nsecret = \"shared\"",
        "uris = [\"turns:turn.one.example\"]\nusername = \"all\"\npassword = \"secret\"",
    ] {
        check(good).unwrap();
    }
    for bad in [
        "",
        "listen = \"off\"",
        "uris = [\"turn:turn.one.example\"]",
        "uris = [\"http://turn.one.example\"]\nsecret = \"shared\"",
        "listen = \"0.0.0.0:3478\"\nusername = \"all\"\npassword = \"secret\"",
        "listen = \"0.0.0.0:3478\"\nuris = [\"turn:turn.one.example\"]",
        "listen = \"0.0.0.0:3478\"\naddress = \"::1\"",
        "listen = \"0.0.0.0:3478\"\nrelay_ports = [50100, 50000]",
        "uris = [\"turn:turn.one.example\"]\nsecret = \"shared\"\nrelay_ports = [50000, 50100]",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
}
