//! A room's timeline as a client collects it; what `limited` leaves out is fetched by `/messages`.

use std::collections::BTreeSet;

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::{client::list, world::World};

#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub sender: String,
    pub is_state: bool,
}

/// Events without a hole, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    pub events: Vec<Event>,
    /// The point before the first of them.
    pub prev_batch: Option<String>,
}

/// A timeline in an answer.
pub struct Section<'a> {
    pub events: &'a Value,
    pub limited: bool,
    pub prev_batch: Option<&'a str>,
    /// Events may come again: the client asked for a longer timeline than before, or came back into the room.
    pub anew: bool,
}

impl Event {
    fn new(event: &Value) -> Self {
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        Self { id: text("event_id"), sender: text("sender"), is_state: !event["state_key"].is_null() }
    }
}

impl Timeline {
    /// Adds what came: no event twice, and none missing but for a hole that `/messages` fills.
    pub fn add(
        &mut self,
        world: &World<'_>,
        who: usize,
        room: &str,
        filter: &str,
        section: &Section<'_>,
    ) -> anyhow::Result<()> {
        let mut new: Vec<Event> = list(section.events).iter().map(Event::new).collect();
        let ids: BTreeSet<&str> = new.iter().map(|event| event.id.as_str()).collect();
        anyhow::ensure!(ids.len() == new.len(), "{room}: an event stands twice in one timeline: {new:?}");
        anyhow::ensure!(!section.limited || section.prev_batch.is_some(), "{room}: limited, but no prev_batch");
        let hidden = |event: &Event| world.hides(who, event);
        self.events.retain(|event| !hidden(event));
        new.retain(|event| !hidden(event));
        let ids: BTreeSet<&str> = new.iter().map(|event| event.id.as_str()).collect();
        let overlap = self.events.iter().position(|event| ids.contains(event.id.as_str()));
        match overlap {
            Some(start) if section.anew => {
                let known: Vec<&str> = self.events[start..].iter().map(|event| event.id.as_str()).collect();
                let at = new.iter().position(|event| event.id == known[0]).unwrap();
                let again: Vec<&str> = new[at..].iter().map(|event| event.id.as_str()).collect();
                anyhow::ensure!(again.starts_with(&known), "{room}: {known:?} came again as {again:?}");
                if start == 0 {
                    *self = Self { events: new, prev_batch: section.prev_batch.map(str::to_owned) };
                } else {
                    self.events.truncate(start);
                    self.events.extend(new.into_iter().skip(at));
                }
            }
            Some(start) => anyhow::bail!("{room}: {} came again in {new:?}", self.events[start].id),
            None if self.events.is_empty() && new.is_empty() && !section.limited => {
                self.prev_batch = self.prev_batch.take().or_else(|| section.prev_batch.map(str::to_owned));
            }
            None if self.events.is_empty() => {
                *self = Self { events: new, prev_batch: section.prev_batch.map(str::to_owned) };
            }
            None => {
                if let (true, Some(prev_batch)) = (section.limited, section.prev_batch) {
                    let known: BTreeSet<&str> = self.events.iter().map(|event| event.id.as_str()).collect();
                    let (mut missed, reached) = world.messages(who, room, Some(prev_batch), filter, &known)?;
                    let last = self.events.last().map(|event| event.id.clone());
                    anyhow::ensure!(reached == last, "{room}: the hole reaches to {reached:?}, not to {last:?}");
                    missed.reverse();
                    self.events.extend(missed);
                }
                self.events.extend(new);
            }
        }
        Ok(())
    }
}

impl World<'_> {
    /// Whether the event's sender was ever ignored by the user: it may be shown or not.
    pub fn hides(&self, who: usize, event: &Event) -> bool {
        !event.is_state && self.ignored.contains(&(who, event.sender.clone()))
    }

    /// Events before a point (or the end), newest first, up to the first that is known, which is the second part of the answer.
    pub fn messages(
        &self,
        who: usize,
        room: &str,
        from: Option<&str>,
        filter: &str,
        known: &BTreeSet<&str>,
    ) -> anyhow::Result<(Vec<Event>, Option<String>)> {
        let filter: String = byte_serialize(filter.as_bytes()).collect();
        let mut from = from.map(str::to_owned);
        let mut events: Vec<Event> = Vec::new();
        loop {
            let start = from.map(|from| format!("&from={from}")).unwrap_or_default();
            let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=15&filter={filter}{start}");
            let page = self.get(who, &path)?;
            for event in list(&page["chunk"]) {
                let event = Event::new(event);
                if known.contains(event.id.as_str()) {
                    return Ok((events, Some(event.id)));
                }
                anyhow::ensure!(!events.iter().any(|one| one.id == event.id), "{room}: {} is on two pages", event.id);
                if !self.hides(who, &event) {
                    events.push(event);
                }
            }
            match page["end"].as_str() {
                Some(end) => from = Some(end.to_owned()),
                None => return Ok((events, None)),
            }
        }
    }
}
