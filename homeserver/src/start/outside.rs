//! The way out: HTTPS within the allowed networks, iroh where the name is a key, behind the transport that federation knows.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use crypto::ServerIdentity;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ruma::ServerName;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::Config,
    domain::{
        appservices,
        federation::{Limits, SendError, Transport},
        web::Web,
    },
    net::{
        body::LimitedBody,
        connect::Connector,
        dns::SystemDns,
        error::TransportError,
        https::HttpsFederation,
        iroh::{IrohFederation, IrohOptions, StrangerLimits},
        listener,
        networks::AllowedNetworks,
        outgoing::{ExchangeLimits, Outgoing},
        resolve::{Resolver, WellKnownOverHttps},
        tls::ClientTls,
        transport::FederationTransport,
    },
    store::Store,
};

use super::{StartError, addresses, is_key};

/// The UDP port of last time, so that tickets stay true.
const PORT: &str = "iroh.port";

/// Everything that opens connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outside {
    federation: Arc<FederationTransport>,
    outgoing: Arc<Outgoing>,
    /// For URLs that the owner wrote down: they may lead anywhere.
    services: Arc<Outgoing>,
}

impl Outside {
    pub(super) async fn open(
        config: &Config,
        data: &Path,
        identity: &ServerIdentity,
        store: &Store,
        clock: &Clock,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, StartError> {
        let tls = ClientTls::new(&config.trusted_ca)?;
        let networks = AllowedNetworks::new(config.allow_networks.clone());
        let connector = Connector::new(tls.clone(), networks, Arc::new(SystemDns::new()));
        let everywhere = AllowedNetworks::new([IpNet::from(Ipv4Net::default()), IpNet::from(Ipv6Net::default())]);
        let services = Arc::new(Outgoing::new(Connector::new(tls, everywhere, connector.dns().clone())));
        let outgoing = Arc::new(Outgoing::new(connector.clone()));
        let well_known = Arc::new(WellKnownOverHttps::new(outgoing.clone()));
        let resolver = Arc::new(Resolver::new(connector.dns().clone(), well_known));
        let https = HttpsFederation::new(connector, resolver);

        let iroh = if is_key(&config.server_name) {
            let book = addresses::book(store, clock, stop, tasks).await?;
            let file = data.join(PORT);
            let port = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            let options = IrohOptions {
                secret: identity.secret(),
                port,
                only: None,
                limits: listener::Limits::federation(),
                strangers: StrangerLimits::default(),
                shutdown: stop.child_token(),
            };
            let iroh = IrohFederation::bind(options, book).await?;
            if iroh.port() != port
                && let Err(error) = std::fs::write(&file, iroh.port().to_string())
            {
                tracing::warn!(%error, "the port of this run could not be kept: tickets made now end with it");
            }
            addresses::learn(iroh.book(), &config.peer);
            Some(iroh)
        } else {
            None
        };
        Ok(Self { federation: Arc::new(FederationTransport::new(https, iroh)), outgoing, services })
    }

    /// For [`crate::domain::federation::Federation`].
    pub(super) fn transport(&self) -> ToServers {
        ToServers(self.federation.clone())
    }

    /// For push gateways and pages.
    pub(super) fn web(&self) -> Arc<dyn Web> {
        self.outgoing.clone()
    }

    /// For [`crate::domain::appservices::Appservices`].
    pub(super) fn to_services(&self) -> ToServices {
        ToServices(self.services.clone())
    }

    pub(super) fn iroh(&self) -> Option<&IrohFederation> {
        self.federation.iroh()
    }

    pub(super) async fn wake(&self) {
        self.outgoing.wake();
        self.services.wake();
        self.federation.wake().await;
    }
}

/// The transport that federation knows, over the one that `net` has.
pub(super) struct ToServers(Arc<FederationTransport>);

impl Transport for ToServers {
    fn send<'a>(
        &'a self,
        server: &'a ServerName,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Response<Bytes>, SendError>> {
        Box::pin(async move { within(limits, self.0.send_within(server, request, exchange_limits(limits))).await })
    }
}

/// The transport that application services know: the general client, for URLs anywhere.
pub(super) struct ToServices(Arc<Outgoing>);

impl appservices::Transport for ToServices {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(within(limits, self.0.send(request, exchange_limits(limits))))
    }
}

fn exchange_limits(limits: Limits) -> ExchangeLimits {
    let mut exchange = ExchangeLimits { head: limits.deadline, ..ExchangeLimits::default() };
    exchange.body.bytes = limits.body;
    exchange.body.total = limits.deadline;
    exchange
}

/// The whole answer of an exchange, in time.
async fn within(
    limits: Limits,
    exchange: impl Future<Output = Result<Response<LimitedBody>, TransportError>>,
) -> Result<Response<Bytes>, SendError> {
    let whole = async {
        let (head, body) = exchange.await?.into_parts();
        Ok(Response::from_parts(head, body.bytes(limits.body).await?))
    };
    match tokio::time::timeout(limits.deadline, whole).await {
        Ok(answer) => answer.map_err(|error| send_error(&error, limits.body)),
        Err(_) => Err(SendError::Timeout),
    }
}

fn send_error(error: &TransportError, limit: u64) -> SendError {
    match error {
        TransportError::Timeout => SendError::Timeout,
        TransportError::TooLarge(_) => SendError::TooLarge(limit),
        error if error.is_peers_fault() => SendError::Unreachable(error.to_string()),
        error => SendError::Ours(error.to_string()),
    }
}
