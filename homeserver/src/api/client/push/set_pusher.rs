//! POST /_matrix/client/v3/pushers/set: adds, changes or deletes a pusher.

use std::{net::IpAddr, sync::Arc};

use ruma::api::client::push::{
    PusherKind,
    set_pusher::v3::{PusherAction, Request, Response},
};
use url::{Host, Url};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    config::Config,
    store::{Durability, PusherKey, Store},
};

/// The only path that gateways have.
const GATEWAY: &str = "/_matrix/push/v1/notify";
/// Bytes of one pusher, and pushers of one user: each notification asks every one of them.
const LARGEST: usize = 8 * 1024;
const MOST: usize = 50;

pub async fn set_pusher((store, config): (Store, Arc<Config>), request: Ruma<Request>) -> Result<Response, ApiError> {
    let (user, device_id) = (request.sender.user, request.sender.device_id.clone());
    match request.request.action {
        PusherAction::Post(post) => {
            let (pusher, append) = (post.pusher, post.append);
            if pusher.ids.app_id.chars().count() > 64 || pusher.ids.pushkey.len() > 512 {
                return Err(ApiError::invalid_param("An app_id has at most 64 characters, a pushkey 512 bytes"));
            }
            check_kind(&pusher.kind, &config)?;
            let json = serde_json::to_string(&pusher).map_err(|error| ApiError::bad_json(error.to_string()))?;
            if json.len() > LARGEST {
                return Err(ApiError::too_large("A pusher has at most 8 KiB"));
            }
            store
                .write::<_, ApiError, _>(Durability::Full, move |tx| {
                    Box::pin(async move {
                        let ids = (pusher.ids.app_id.as_str(), pusher.ids.pushkey.as_str());
                        if !append {
                            tx.delete_pushers_of_others(user, ids).await?;
                        }
                        let key = PusherKey { user, app_id: ids.0.to_owned(), pushkey: ids.1.to_owned() };
                        if tx.pushers(user).await?.len() >= MOST && tx.pusher(&key).await?.is_none() {
                            return Err(ApiError::invalid_param("There are too many pushers"));
                        }
                        tx.put_pusher(user, device_id.as_str(), ids, &json).await?;
                        Ok(())
                    })
                })
                .await?;
        }
        PusherAction::Delete(ids) => {
            store
                .write::<_, ApiError, _>(Durability::Full, move |tx| {
                    Box::pin(async move { Ok(tx.delete_pusher(user, (&ids.app_id, &ids.pushkey)).await?) })
                })
                .await?;
        }
        _ => return Err(ApiError::invalid_param("There is no such kind of pusher")),
    }
    Ok(Response::new())
}

/// Gateways are asked over HTTPS; plain HTTP is for networks that the owner opened.
fn check_kind(kind: &PusherKind, config: &Config) -> Result<(), ApiError> {
    let PusherKind::Http(data) = kind else {
        return Err(ApiError::invalid_param("This server sends notifications over HTTP only"));
    };
    let url = Url::parse(&data.url).map_err(|_| ApiError::invalid_param("The gateway's URL is not one"))?;
    let opened = match url.host() {
        Some(Host::Ipv4(address)) => config.allow_networks.iter().any(|network| network.contains(&IpAddr::V4(address))),
        Some(Host::Ipv6(address)) => config.allow_networks.iter().any(|network| network.contains(&IpAddr::V6(address))),
        // Where the name leads is looked at when it is asked.
        Some(Host::Domain(_)) => !config.allow_networks.is_empty(),
        None => false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && opened);
    if !scheme || url.path() != GATEWAY {
        return Err(ApiError::invalid_param(
            "The gateway's URL begins with https:// and has the path /_matrix/push/v1/notify",
        ));
    }
    Ok(())
}
