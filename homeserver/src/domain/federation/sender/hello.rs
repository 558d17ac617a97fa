//! We speak first: an empty signed transaction to every server that shares a room, so that none of them holds us for away.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::{domain::federation::client::Deadline, store::StoreError};

use super::{Sender, destination::empty_transaction};

/// Servers greeted at the same time.
const PARALLEL: usize = 20;
/// Greetings to more servers than are greeted at once are spread over this long.
const SPREAD: Duration = Duration::from_secs(60);

impl Sender {
    pub(super) async fn tell_everybody(&self) {
        if let Err(error) = self.greet().await {
            tracing::error!(error = &error as &dyn std::error::Error, "The servers in our rooms could not be read.");
        }
    }

    async fn greet(&self) -> Result<(), StoreError> {
        let mut names = Vec::new();
        let mut db = self.store.read().await?;
        for server in db.servers_in_our_rooms().await? {
            names.push(db.server_name(server).await?);
        }
        drop(db);
        // Each of the parallel greeters waits this long before each of its servers.
        let turns = u32::try_from(names.len().div_ceil(PARALLEL)).unwrap_or(u32::MAX).max(1);
        let pause = SPREAD / turns;
        let client = &self.federation.client;
        let greetings = names.into_iter().enumerate().map(async |(place, name)| {
            if place >= PARALLEL {
                tokio::time::sleep(pause).await;
            }
            let greeting = empty_transaction(client.server_name(), self.clock.now());
            if let Err(error) = client.request(&name, greeting, Deadline::Query).await {
                tracing::debug!(server = %name, error = &error as &dyn std::error::Error, "A server could not be greeted.");
            }
        });
        futures_util::stream::iter(greetings).buffer_unordered(PARALLEL).collect::<()>().await;
        Ok(())
    }
}
