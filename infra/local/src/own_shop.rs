//! The shop's own API as its functions reach it: in a deployment through the front, here through the same front without a socket,
//! answered by an instance of its own under its own role.

use crate::front::Front;
use crate::world::World;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Request;
use std::fmt;
use std::sync::Arc;

/// The shop of a world.
#[derive(Clone)]
pub(crate) struct OwnShop(World);

impl fmt::Debug for OwnShop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnShop")
    }
}

impl OwnShop {
    /// What answers calls to the shop's own address.
    pub(crate) fn connector(world: World) -> SharedHttpConnector {
        SharedHttpConnector::new(OwnShop(world))
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let bad = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
        let mut asked = Request::builder().method(request.method()).uri(request.uri());
        for (name, value) in request.headers() {
            asked = asked.header(name, value);
        }
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let asked = asked.body(body).map_err(|error| bad(Box::new(error)))?;
        let instance = Arc::new(self.0.app());
        // Boxed: the SDK's futures nest deeply, and the compiler gives up on those of all layers in one.
        let answer = Box::pin(Front::new(self.0, instance).shop(asked, "127.0.0.1")).await;
        let status = answer.status().as_u16().try_into().map_err(|error| bad(Box::new(error)))?;
        Ok(HttpResponse::new(status, SdkBody::from(answer.into_body())))
    }
}

impl HttpConnector for OwnShop {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().answer(request))
    }
}
