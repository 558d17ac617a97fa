//! Markup as people and attackers write it.

use ruma::{
    events::{Mentions, room::message::FormattedBody},
    user_id,
};

use super::{Reader, blocks};
use crate::view::{Inline, TextBlock, TextStyle};

fn parse(html: &str) -> Vec<TextBlock> {
    let me = user_id!("@me:example.org");
    let mut mentions = Mentions::new();
    mentions.room = true;
    blocks("fallback", Some(&FormattedBody::html(html)), &Reader { me, mentions: Some(&mentions) })
}

fn plain(text: &str) -> Vec<TextBlock> {
    blocks(text, None, &Reader { me: user_id!("@me:example.org"), mentions: None })
}

fn text(text: &str) -> Inline {
    Inline::Text { text: text.to_owned() }
}

fn paragraph(children: Vec<Inline>) -> TextBlock {
    TextBlock::Paragraph { children }
}

#[test]
fn paragraphs_styles_and_breaks() {
    assert_eq!(
        parse("<p>Hello <strong>dear <em>world</em></strong></p>\n<p>again<br>and again</p>"),
        vec![
            paragraph(vec![
                text("Hello "),
                Inline::Styled {
                    style: TextStyle::Strong,
                    children: vec![
                        text("dear "),
                        Inline::Styled { style: TextStyle::Emphasis, children: vec![text("world")] }
                    ],
                },
            ]),
            paragraph(vec![text("again"), Inline::Break, text("and again")]),
        ]
    );
}

#[test]
fn scripts_handlers_and_foreign_schemes_do_not_survive() {
    let out = parse(
        r#"<p onclick="x()">a<script>alert(1)</script><a href="javascript:alert(1)">b</a><img src="https://evil.test/x.png" alt="c"><iframe src="https://evil.test"></iframe></p>"#,
    );
    let drawn = format!("{out:?}");
    assert!(!drawn.contains("Link") && !drawn.contains("evil") && !drawn.contains("javascript"), "{drawn}");
    assert!(drawn.contains('a') && drawn.contains('b'));
}

#[test]
fn mentions_become_people_and_know_the_reader() {
    let out = parse(
        r#"<a href="https://matrix.to/#/@me:example.org">Me</a> and <a href="matrix:u/bob:example.org">Bob</a>, @room!"#,
    );
    assert_eq!(
        out,
        vec![paragraph(vec![
            Inline::Mention { user_id: "@me:example.org".to_owned(), name: "Me".to_owned(), me: true },
            text(" and "),
            Inline::Mention { user_id: "@bob:example.org".to_owned(), name: "Bob".to_owned(), me: false },
            text(", "),
            Inline::EveryoneMention,
            text("!"),
        ])]
    );
}

#[test]
fn code_keeps_its_lines_and_language() {
    assert_eq!(
        parse("<pre><code class=\"language-rust\">fn main() {\n    1 &lt; 2;\n}\n</code></pre>"),
        vec![TextBlock::Code { language: Some("rust".to_owned()), text: "fn main() {\n    1 < 2;\n}".to_owned() }]
    );
}

#[test]
fn lists_and_quotes_nest() {
    assert_eq!(
        parse("<ol start=\"3\"><li>a</li><li><p>b</p><blockquote>c</blockquote></li></ol>"),
        vec![TextBlock::List {
            ordered: true,
            start: 3,
            items: vec![
                vec![paragraph(vec![text("a")])],
                vec![paragraph(vec![text("b")]), TextBlock::Quote { children: vec![paragraph(vec![text("c")])] }],
            ],
        }]
    );
}

#[test]
fn the_reply_fallback_is_cut() {
    assert_eq!(parse("<mx-reply><blockquote>old</blockquote></mx-reply>new"), vec![paragraph(vec![text("new")])]);
}

#[test]
fn hostile_nesting_and_size_are_bounded() {
    let deep = format!("{}x{}", "<blockquote>".repeat(3000), "</blockquote>".repeat(3000));
    assert!(format!("{:?}", parse(&deep)).matches("Quote").count() <= 24);
    assert_eq!(parse(&"<b>".repeat(50_000)), vec![paragraph(vec![text("fallback")])]);
    let wide = parse(&"<br>x".repeat(3900));
    assert!(wide.len() == 1);
}

#[test]
fn plain_text_has_lines_paragraphs_and_links() {
    assert_eq!(
        plain("see https://example.org/a?b=c.\nnext\n\nlast <b>"),
        vec![
            paragraph(vec![
                text("see "),
                Inline::Link {
                    href: "https://example.org/a?b=c".to_owned(),
                    children: vec![text("https://example.org/a?b=c")]
                },
                text("."),
                Inline::Break,
                text("next"),
            ]),
            paragraph(vec![text("last <b>")]),
        ]
    );
}
