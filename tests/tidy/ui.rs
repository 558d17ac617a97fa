//! The arrows of the UI: features know the kit, not each other; Tauri stands behind the backend; colours are tokens.

use crate::{finding::Finding, tree::Source};

/// (folder, folders of ui/src that it must not import, why).
const NEVER: &[(&str, &[&str], &str)] = &[
    ("kit", &["app", "features", "backend"], "the kit is plain components: it imports nothing above it"),
    ("i18n", &["app", "features", "backend", "kit"], "words know no screen"),
    ("backend", &["app", "features"], "the seam knows no screen"),
    ("features", &["app"], "a screen is put together by app, not the other way round"),
];

pub fn imports(file: &Source) -> Vec<Finding> {
    let Some(inside) = file.path.strip_prefix("ui/src/") else { return Vec::new() };
    let mut found = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let Some(target) = specifier(line) else { continue };
        let mut tell = |reason: String| found.push(Finding::new(&file.path, at + 1, reason));
        if target.starts_with("@tauri-apps") && !inside.starts_with("backend/") {
            tell(format!("imports {target}: only ui/src/backend knows Tauri"));
        }
        let Some(target) = resolve(inside, target) else { continue };
        // A feature's own tests put it on app's stage; what ships does not.
        if inside.ends_with(".test.ts") {
            continue;
        }
        for (from, never, reason) in NEVER {
            if first(inside) == *from && never.contains(&first(&target)) {
                tell(format!("{from} imports {target}: {reason}"));
            }
        }
        let (own, other) = (feature(inside), feature(&target));
        if own.is_some() && other.is_some() && own != other {
            tell(format!("imports {target}: features do not import each other; share through kit or app"));
        }
    }
    found
}

pub fn raw_colours(file: &Source) -> Vec<Finding> {
    if !file.path.starts_with("ui/src/") || file.path.ends_with("styles/tokens.css") {
        return Vec::new();
    }
    let mut style = file.path.ends_with(".css");
    let mut found = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        match line.trim() {
            tag if tag.starts_with("<style") => style = true,
            tag if tag.starts_with("</style") => style = false,
            text if style && has_colour(text) => {
                found.push(Finding::new(
                    &file.path,
                    at + 1,
                    format!("`{text}`: colours are tokens of styles/tokens.css"),
                ));
            }
            _ => {}
        }
    }
    found
}

pub fn raw_html(file: &Source) -> Vec<Finding> {
    let broken = file.text.lines().enumerate().filter(|(_, line)| line.contains(concat!("{@", "html")));
    broken
        .map(|(at, _)| Finding::new(&file.path, at + 1, "what other people wrote is rendered by components"))
        .collect()
}

/// What a line imports: the text in quotes after `from`, `import` or `import(`.
fn specifier(line: &str) -> Option<&str> {
    let after = ["from ", "import(", "import "].iter().find_map(|word| {
        let (_, rest) = line.split_once(word)?;
        rest.starts_with(['\'', '"']).then_some(rest)
    })?;
    let quote = after.chars().next()?;
    after.get(1..)?.split_once(quote).map(|(text, _)| text)
}

/// The import as a path below ui/src, or nothing for a package.
fn resolve(from: &str, target: &str) -> Option<String> {
    if let Some(inside) = target.strip_prefix("~/") {
        return Some(inside.to_owned());
    }
    if !target.starts_with('.') {
        return None;
    }
    let mut at: Vec<&str> = from.split('/').collect();
    at.pop();
    for step in target.split('/') {
        match step {
            "." => {}
            ".." => drop(at.pop()),
            step => at.push(step),
        }
    }
    Some(at.join("/"))
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn feature(path: &str) -> Option<&str> {
    path.strip_prefix("features/").map(first)
}

fn has_colour(text: &str) -> bool {
    let hex = text.split(':').skip(1).flat_map(|value| value.split('#').skip(1)).any(|after| {
        let digits = after.chars().take_while(char::is_ascii_hexdigit).count();
        let ends = after.chars().nth(digits).is_none_or(|c| !c.is_alphanumeric() && c != '-');
        matches!(digits, 3 | 4 | 6 | 8) && ends
    });
    hex || ["rgb(", "rgba(", "hsl(", "hsla(", "oklch("].iter().any(|function| text.contains(function))
}

#[cfg(test)]
mod tests {
    use super::{imports, raw_colours, raw_html};
    use crate::tree::Source;

    fn lines(found: &[crate::finding::Finding]) -> Vec<usize> {
        found.iter().map(|f| f.line).collect()
    }

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn wrong_imports_are_found() {
        let text = "import { a } from '../composer/a';\nimport b from '~/kit/b.svelte';\nimport { c } from './c';\n\
                    import { invoke } from '@tauri-apps/api/core';\nconst d = await import('~/features/people/d');\nimport '~/app/e';";
        assert_eq!(lines(&imports(&file("ui/src/features/timeline/Row.svelte", text))), [1, 4, 5, 6]);
        assert_eq!(lines(&imports(&file("ui/src/kit/Button.svelte", "import { x } from \"../backend/x\";"))), [1]);
        assert!(imports(&file("ui/src/backend/tauri.ts", "import { invoke } from '@tauri-apps/api/core';")).is_empty());
    }

    #[test]
    fn raw_colours_are_found() {
        let text = "<a href=\"#abc\">x</a>\n<style>\n  .a { color: #fff; }\n  #add { color: var(--text); }\n  .b { background: rgb(1 2 3); }\n</style>";
        assert_eq!(lines(&raw_colours(&file("ui/src/kit/A.svelte", text))), [3, 5]);
        assert!(raw_colours(&file("ui/src/styles/tokens.css", ":root { --bg: #fff; }")).is_empty());
    }

    #[test]
    fn raw_html_is_found() {
        assert_eq!(lines(&raw_html(&file("ui/src/kit/A.svelte", concat!("<p>\n{@", "html body}</p>")))), [2]);
    }
}
