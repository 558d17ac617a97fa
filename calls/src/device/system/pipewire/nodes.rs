//! The cameras that PipeWire knows.

use std::{cell::RefCell, rc::Rc, sync::mpsc, thread};

use ::pipewire::{
    properties::PropertiesBox,
    registry::{GlobalObject, RegistryRc},
    types::ObjectType,
};

use super::{Connection, PATIENCE};
use crate::device::{Named, NoPicture};

/// No machine has as many.
const MOST: usize = 64;
/// Of a name, as a person reads it.
const NAME: usize = 120;

/// A node that gives pictures.
pub(super) struct Node {
    pub global: GlobalObject<PropertiesBox>,
    pub named: Named,
    /// The one with more is taken when nobody chose.
    priority: i32,
}

/// The cameras, best first. Takes some milliseconds; none when PipeWire does not answer.
pub(crate) fn cameras() -> Vec<Named> {
    let (answer, answered) = mpsc::channel();
    let look = move || {
        let found = Connection::open(None).and_then(|connection| known(&connection).map(|(_, nodes)| nodes));
        let named = found.map(|nodes| nodes.into_iter().map(|node| node.named).collect());
        // Nobody waits any more when it took too long.
        let _ = answer.send(named.unwrap_or_default());
    };
    if thread::Builder::new().name("cameras".to_owned()).spawn(look).is_err() {
        return Vec::new();
    }
    answered.recv_timeout(2 * PATIENCE).unwrap_or_default()
}

/// The registry and the cameras in it.
pub(super) fn known(connection: &Connection) -> Result<(RegistryRc, Vec<Node>), NoPicture> {
    let registry = connection.core.get_registry_rc().map_err(|_| NoPicture::NotThere)?;
    let found: Rc<RefCell<Vec<Node>>> = Rc::default();
    let seen = Rc::clone(&found);
    let listener = registry
        .add_listener_local()
        .global(move |global| {
            if let Some(node) = node(global)
                && seen.borrow().len() < MOST
            {
                seen.borrow_mut().push(node);
            }
        })
        .register();
    connection.round_trip()?;
    drop(listener);
    let mut nodes = found.take();
    nodes.sort_by(|one, other| other.priority.cmp(&one.priority).then_with(|| one.named.id.cmp(&other.named.id)));
    Ok((registry, nodes))
}

fn node(global: &GlobalObject<&::pipewire::spa::utils::dict::DictRef>) -> Option<Node> {
    let properties = global.props.filter(|_| global.type_ == ObjectType::Node)?;
    if properties.get("media.class") != Some("Video/Source") {
        return None;
    }
    let id = properties.get("node.name")?;
    let name = ["node.description", "node.nick"].into_iter().find_map(|key| properties.get(key)).unwrap_or(id);
    let named = Named { id: id.to_owned(), name: name.chars().take(NAME).collect() };
    let priority = properties.get("priority.session").and_then(|value| value.parse().ok()).unwrap_or_default();
    Some(Node { global: global.to_owned(), named, priority })
}
