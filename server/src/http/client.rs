//! Where a request comes from, for limits and for what only this machine may see.

use super::state::AppState;
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address: the peer's, or with `TRUST_PROXY=yes` what the nearest proxy saw.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let forwarded = state
            .config
            .trust_proxy
            .then(|| last_forwarded(&parts.headers))
            .flatten();
        Ok(Self(
            forwarded
                .or_else(|| peer(parts))
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        ))
    }
}

/// Whether the request was made on this machine itself, not through a proxy on it.
pub fn is_local(parts: &Parts) -> bool {
    peer(parts).is_some_and(|address| address.to_canonical().is_loopback())
        && !parts.headers.contains_key(FORWARDED_FOR)
        && !parts.headers.contains_key("forwarded")
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip())
}

/// Only the last entry was written by the nearest proxy; the others are the client's word.
fn last_forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    headers
        .get_all(FORWARDED_FOR)
        .iter()
        .next_back()?
        .to_str()
        .ok()?
        .rsplit(',')
        .next()?
        .trim()
        .parse()
        .ok()
}
