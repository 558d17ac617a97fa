//! A service's names of one kind: regular expressions, each with whether nobody else may use what it matches.

use regex::{RegexBuilder, RegexSet, RegexSetBuilder};
use ruma::api::appservice::Namespace;

/// Bytes that the compiled expressions of one kind may take, and their caches.
const COMPILED: usize = 4 << 20;
/// Expressions of one kind.
const MOST: usize = 200;

/// Compiled expressions of one kind.
pub(super) struct Names {
    all: RegexSet,
    exclusive: RegexSet,
}

impl Names {
    /// An `Err` says in words what is wrong.
    pub(super) fn compile(kind: &str, namespaces: &[Namespace]) -> Result<Self, String> {
        if namespaces.len() > MOST {
            return Err(format!("namespaces.{kind} has more than {MOST} expressions"));
        }
        for namespace in namespaces {
            // Each by itself first: an error names the one, and none can break out of the group it is put into.
            RegexBuilder::new(&namespace.regex)
                .size_limit(COMPILED)
                .build()
                .map_err(|error| format!("namespaces.{kind}: {:?} cannot be used: {error}", namespace.regex))?;
        }
        let set = |expressions: Vec<String>| {
            RegexSetBuilder::new(expressions)
                .size_limit(COMPILED)
                .dfa_size_limit(COMPILED)
                .build()
                .map_err(|error| format!("namespaces.{kind} cannot be used: {error}"))
        };
        // An expression stands for what begins with a match, as in the servers that bridges were written for.
        let anchored = |namespace: &Namespace| format!("^(?:{})", namespace.regex);
        Ok(Self {
            all: set(namespaces.iter().map(anchored).collect())?,
            exclusive: set(namespaces.iter().filter(|namespace| namespace.exclusive).map(anchored).collect())?,
        })
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.all.is_match(name)
    }

    pub(super) fn is_exclusive(&self, name: &str) -> bool {
        self.exclusive.is_match(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use ruma::api::appservice::Namespace;

    use super::Names;

    #[test]
    fn names_match_from_their_beginning() {
        let open = Namespace::new(false, "#talk_".to_owned());
        let names = Names::compile("users", &[Namespace::new(true, "@_irc_.*|@_xmpp_.*".to_owned()), open]).unwrap();
        assert!(names.contains("@_irc_bob:one.example") && names.is_exclusive("@_xmpp_bob:one.example"));
        assert!(names.contains("#talk_1:one.example") && !names.is_exclusive("#talk_1:one.example"));
        assert!(!names.contains("@alice:@_irc_.example") && !names.contains("x@_xmpp_bob:one.example"));
    }

    #[test]
    fn an_expression_that_cannot_be_used_is_named() {
        for wrong in ["@_irc_(", "@a)|(?:.", "@(?=x)", "((a{1000}){1000}){1000}"] {
            let error = Names::compile("users", &[Namespace::new(true, wrong.to_owned())]).err().unwrap_or_default();
            assert!(error.contains("namespaces.users"), "{wrong}: {error}");
        }
    }
}
