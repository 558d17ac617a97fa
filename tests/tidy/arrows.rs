//! The arrows between modules: who may name whom inside the homeserver, and where a library may be used.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::{
    finding::Finding,
    rust_paths::{NamedPath, module_of, paths},
    tree::Source,
};

/// (a module of the homeserver, a path it must not name, why).
const NEVER: &[(&str, &[&str], &str)] = &[
    ("api", &["sqlx"], "an endpoint asks the domain or the store; it speaks no SQL"),
    ("domain", &["axum"], "the domain knows rooms and users, not HTTP requests"),
    ("domain", &["crate", "api"], "the domain is called by the endpoints, never the other way round"),
    ("store", &["crate", "domain"], "the store keeps rows; what they mean is the domain's"),
    ("store", &["crate", "api"], "the store knows no endpoint"),
    ("store", &["crate", "net"], "the store knows no network"),
    ("store", &["axum"], "the store knows no HTTP"),
    ("net", &["crate", "domain"], "the transport knows no room"),
    ("net", &["crate", "api"], "the transport is handed its Router"),
];

/// The floors of the domain, the lowest first: a module names its own floor and those below.
const FLOORS: &[&[&str]] = &[
    &["federation", "accounts", "identity_servers", "notifier", "web"],
    &["events", "encryption", "media", "push", "ephemeral", "directory", "appservices"],
    &["rooms"],
    &["sync", "inbound"],
];

/// (the first segment of a path, or how it begins with a `*`, the folders that may name it, why).
const ROOMS: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["homeserver/src/store"], "SQL stands in homeserver/src/store alone"),
    ("tauri*", &["src-tauri/"], "only the shell knows Tauri: tests and the bridge link no webview"),
    ("matrix_sdk*", &["client/", "tests/", "app/"], "the client crate wraps the SDK"),
    ("homeserver", &["homeserver/", "app/", "tests/"], "the client reaches a homeserver over HTTP only"),
    ("keyring*", &["crypto/"], "secrets are kept by the vault in crypto"),
];

pub fn inside_homeserver(files: &[Source]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in files {
        let module = module_of(&file.path);
        for path in paths(file)? {
            for (from, never, reason) in NEVER {
                if module.first().is_some_and(|m| m == from) && path.starts_with(never) {
                    found.push(Finding::new(
                        &file.path,
                        path.line,
                        format!("{from} names {}: {reason}", never.join("::")),
                    ));
                }
            }
        }
    }
    Ok(found)
}

pub fn domain_floors(files: &[Source]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let mut names: BTreeMap<String, BTreeMap<String, (String, usize)>> = BTreeMap::new();
    for file in files {
        let Some(own) = module_of(&file.path).into_iter().nth(1) else { continue };
        let Some(floor) = floor_of(&own) else {
            found.push(Finding::new(
                &file.path,
                1,
                format!("domain::{own} stands on no floor: put it into tests/tidy/arrows.rs"),
            ));
            continue;
        };
        for path in paths(file)? {
            let Some(other) = domain_module(&path).filter(|other| *other != own) else { continue };
            if floor_of(other).is_some_and(|theirs| theirs > floor) {
                found.push(Finding::new(
                    &file.path,
                    path.line,
                    format!("domain::{own} names domain::{other}, a floor above it"),
                ));
            }
            names.entry(own.clone()).or_default().entry(other.to_owned()).or_insert((file.path.clone(), path.line));
        }
    }
    found.extend(circles(&names));
    Ok(found)
}

/// Two modules of one floor that name each other, directly or round about.
fn circles(names: &BTreeMap<String, BTreeMap<String, (String, usize)>>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (from, targets) in names {
        for (to, (file, line)) in targets {
            if floor_of(from) == floor_of(to) && reaches(names, to, from) {
                found.push(Finding::new(
                    file,
                    *line,
                    format!("domain::{from} names domain::{to}, which leads back to it: a circle"),
                ));
            }
        }
    }
    found
}

fn reaches(names: &BTreeMap<String, BTreeMap<String, (String, usize)>>, from: &str, to: &str) -> bool {
    let (mut open, mut seen) = (vec![from.to_owned()], BTreeSet::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at.clone()) {
            open.extend(names.get(&at).into_iter().flat_map(|targets| targets.keys().cloned()));
        }
    }
    false
}

pub fn rooms_of_libraries(files: &[Source]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in files {
        for path in paths(file)? {
            let Some(first) = path.segments.first() else { continue };
            for (library, folders, reason) in ROOMS {
                let named = library.strip_suffix('*').map_or(first == library, |start| first.starts_with(start));
                if named && !folders.iter().any(|folder| file.path.starts_with(folder)) {
                    found.push(Finding::new(&file.path, path.line, format!("{first} is named here: {reason}")));
                }
            }
        }
    }
    Ok(found)
}

fn domain_module(path: &NamedPath) -> Option<&str> {
    if path.starts_with(&["crate", "domain"]) {
        path.segments.get(2).map(String::as_str).filter(|m| floor_of(m).is_some())
    } else {
        None
    }
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::{domain_floors, inside_homeserver, rooms_of_libraries};
    use crate::tree::Source;

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_arrow_upwards_is_found() -> anyhow::Result<()> {
        let api =
            file("homeserver/src/api/client/login.rs", "use crate::domain::accounts;\nfn f() { sqlx::query(\"\"); }");
        let store = file("homeserver/src/store/events.rs", "use super::super::domain::rooms;");
        let net = file("homeserver/src/net.rs", "use crate::{api::router, store};");
        let found = inside_homeserver(&[api, store, net])?;
        assert_eq!(
            found.iter().map(|f| (f.file.as_str(), f.line)).collect::<Vec<_>>(),
            [
                ("homeserver/src/api/client/login.rs", 2),
                ("homeserver/src/store/events.rs", 1),
                ("homeserver/src/net.rs", 1),
            ]
        );
        Ok(())
    }

    #[test]
    fn a_higher_floor_a_circle_and_a_module_without_floor_are_found() -> anyhow::Result<()> {
        let up = file("homeserver/src/domain/accounts.rs", "fn a() {}\nuse super::sync::Wake;");
        let one = file("homeserver/src/domain/media/upload.rs", "use crate::domain::push::Rule;");
        let two = file("homeserver/src/domain/push.rs", "use crate::domain::media::Picture;");
        let lost = file("homeserver/src/domain/misc.rs", "fn b() {}");
        let down = file("homeserver/src/domain/sync.rs", "use crate::domain::rooms::Room;");
        let found = domain_floors(&[up, one, two, lost, down])?;
        let places: Vec<_> = found.iter().map(|f| (f.file.as_str(), f.line)).collect();
        assert_eq!(
            places,
            [
                ("homeserver/src/domain/accounts.rs", 2),
                ("homeserver/src/domain/misc.rs", 1),
                ("homeserver/src/domain/media/upload.rs", 1),
                ("homeserver/src/domain/push.rs", 1),
            ]
        );
        Ok(())
    }

    #[test]
    fn a_library_outside_its_room_is_found() -> anyhow::Result<()> {
        let wrong = file("app/src/lib.rs", "use tauri::Manager;\nuse tauri_plugin_opener::init;");
        let right = file("src-tauri/src/main.rs", "use tauri::Manager;");
        let over = file("client/src/session.rs", "use homeserver::start;");
        assert_eq!(rooms_of_libraries(&[wrong, right, over])?.len(), 3);
        Ok(())
    }
}
