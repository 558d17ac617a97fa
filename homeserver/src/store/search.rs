//! Full-text search over what is said in rooms. What only SQLite has (FTS5) stands here and in migration 0032.

use std::borrow::Cow;

use sqlx::{FromRow, QueryBuilder, Sqlite};

use super::{
    Db, EventSn, Position, RoomSn, StoreError, StoredEvent, Tx,
    events::{EventRow, event_columns},
};

/// Words of one search that count.
const WORDS: usize = 20;
/// The longest word, in characters.
const LONGEST_WORD: usize = 100;

/// The text of an event that can be found.
#[derive(Clone, Copy, Debug)]
pub enum SearchText<'a> {
    Body(&'a str),
    Name(&'a str),
    Topic(&'a str),
}

/// Which texts are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchIn {
    pub body: bool,
    pub name: bool,
    pub topic: bool,
}

/// An event of a timeline whose text may have to be indexed.
#[derive(Clone, Debug, FromRow)]
pub struct Unindexed {
    #[sqlx(rename = "event_sn")]
    pub event: EventSn,
    pub position: Position,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub is_state: bool,
    pub json: String,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    pub words: &'a [String],
    pub within: SearchIn,
    pub rooms: &'a [RoomSn],
    /// Events that came later are not found, so that pages fit together.
    pub upto: EventSn,
    /// The best first, else the newest.
    pub by_rank: bool,
    pub offset: i64,
    pub limit: i64,
}

/// A found event; a higher rank fits better.
#[derive(Clone, Debug)]
pub struct SearchHit {
    pub event: StoredEvent,
    pub rank: f64,
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    event: EventRow,
    score: f64,
}

/// The words of a search term, as they are looked for and highlighted.
pub fn search_words(term: &str) -> Vec<String> {
    // A NUL would end the expression in the middle of a word.
    term.split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| word.chars().take(LONGEST_WORD).collect())
        .take(WORDS)
        .collect()
}

pub(super) const UNINDEXED: &str = "
    SELECT e.event_sn, e.position, t.type, e.key_sn IS NOT NULL AS is_state, j.json
    FROM events e JOIN event_types t ON t.type_sn = e.type_sn JOIN event_json j ON j.event_sn = e.event_sn
    WHERE e.position > $1 AND e.position > 0 AND e.standing = 0 AND e.redacted_by IS NULL
        AND +t.type IN ('m.room.message', 'm.room.name', 'm.room.topic')
    ORDER BY e.position LIMIT $2";

impl Db {
    /// The oldest events of the timelines' ends that may have a text and are not indexed yet.
    pub async fn unindexed(&mut self, limit: i64) -> Result<Vec<Unindexed>, StoreError> {
        let upto = self.indexed_position().await?;
        Ok(sqlx::query_as(UNINDEXED).bind(upto).bind(limit).fetch_all(&mut self.0).await?)
    }

    /// Events of these rooms' timelines in which all the words stand.
    pub async fn search(&mut self, search: &Search<'_>) -> Result<Vec<SearchHit>, StoreError> {
        let Some(expression) = expression(search.words, search.within) else { return Ok(Vec::new()) };
        let mut query = QueryBuilder::<Sqlite>::new(concat!(
            "SELECT ",
            event_columns!(),
            ", -bm25(event_search) AS score
             FROM event_search JOIN events e ON e.event_sn = event_search.rowid JOIN event_json j ON j.event_sn = e.event_sn
             WHERE event_search MATCH "
        ));
        query.push_bind(expression);
        query.push(" AND e.standing = 0 AND e.position IS NOT NULL AND e.redacted_by IS NULL AND e.event_sn <= ");
        query.push_bind(search.upto);
        query.push(" AND e.room_sn IN (");
        let mut rooms = query.separated(", ");
        for room in search.rooms {
            rooms.push(room.0);
        }
        query.push(if search.by_rank {
            ") ORDER BY score DESC, e.event_sn DESC LIMIT "
        } else {
            ") ORDER BY e.origin_ts DESC, e.event_sn DESC LIMIT "
        });
        query.push_bind(search.limit);
        query.push(" OFFSET ").push_bind(search.offset);
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut self.0).await?;
        rows.into_iter().map(|row| Ok(SearchHit { event: row.event.read()?, rank: row.score })).collect()
    }

    /// The newest event's number.
    pub async fn newest_event(&mut self) -> Result<EventSn, StoreError> {
        Ok(sqlx::query_scalar("SELECT coalesce(max(event_sn), 0) FROM events").fetch_one(&mut self.0).await?)
    }
}

impl Tx {
    /// The event can be found by its text from now on.
    pub async fn index_event(&mut self, event: EventSn, text: SearchText<'_>) -> Result<(), StoreError> {
        let (body, name, topic) = match text {
            SearchText::Body(text) => (Some(text), None, None),
            SearchText::Name(text) => (None, Some(text), None),
            SearchText::Topic(text) => (None, None, Some(text)),
        };
        let [body, name, topic] = [body, name, topic].map(|text| text.map(apart));
        sqlx::query("INSERT INTO event_search (rowid, body, name, topic) VALUES ($1, $2, $3, $4)")
            .bind(event)
            .bind(body)
            .bind(name)
            .bind(topic)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// The event is not found any more.
    pub async fn unindex_event(&mut self, event: EventSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM event_search WHERE rowid = $1").bind(event).execute(&mut self.db.0).await?;
        Ok(())
    }
}

/// The text with each character of a script that is written without spaces as a word of its own: FTS5 would take a whole sentence for one word.
fn apart(text: &str) -> Cow<'_, str> {
    if !text.chars().any(stands_alone) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 2);
    let mut before = None;
    for letter in text.chars() {
        if letter.is_alphanumeric() && before.is_some_and(|before| stands_alone(before) || stands_alone(letter)) {
            out.push(' ');
        }
        out.push(letter);
        before = Some(letter);
    }
    Cow::Owned(out)
}

/// Chinese, Japanese and Korean characters. Migration 0061 names the same.
fn stands_alone(letter: char) -> bool {
    matches!(
        letter,
        '\u{1100}'..='\u{11FF}'
            | '\u{2E80}'..='\u{9FFF}'
            | '\u{A960}'..='\u{A97F}'
            | '\u{AC00}'..='\u{D7FB}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{FF66}'..='\u{FFDC}'
            | '\u{1B000}'..='\u{1B16F}'
            | '\u{20000}'..='\u{323AF}'
    )
}

/// The words as FTS5 wants them: each quoted, so that nothing in them is an operator.
fn expression(words: &[String], within: SearchIn) -> Option<String> {
    let columns: Vec<&str> = [(within.body, "body"), (within.name, "name"), (within.topic, "topic")]
        .iter()
        .filter_map(|(wanted, column)| wanted.then_some(*column))
        .collect();
    if words.is_empty() || columns.is_empty() {
        return None;
    }
    let words: Vec<String> = words.iter().map(|word| format!("\"{}\"", apart(word).replace('"', "\"\""))).collect();
    Some(format!("{{{}}} : ({})", columns.join(" "), words.join(" AND ")))
}

#[cfg(test)]
mod tests;
