//! Events as they come: server-sent events (HTML Living Standard §9.2), resumable by `Last-Event-ID`.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::id::ApiKeyId;
use aegis_kernel::caller::Scopes;
use aegis_kernel::outbox::{self, StoredEvent};
use aegis_kernel::{Call, Kernel, credential, organization, tasks};
use aegis_store::{Fault, Tx};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};

use super::feed::{Feed, Place};
use super::{WEBHOOKS, wire};

/// A comment is sent after so much silence, so that nobody on the way takes the connection for dead, and so that a client
/// that has gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Events read at once.
const BATCH: i64 = 100;
/// Frames that wait for a slow reader; then the reading of events waits too.
const FRAMES_MAX: usize = 4;

/// Whose events a stream shows.
#[derive(Clone)]
struct Reader {
    organization: String,
    key: Option<ApiKeyId>,
    scopes: Scopes,
}

/// Opens the stream of `call`'s organization after `position`.
pub(super) fn open(kernel: Kernel, feed: &Arc<Feed>, place: Place, call: &Call, position: i64) -> Response {
    let reader = Reader {
        organization: call.caller.actor().to_owned(),
        key: call.caller.key,
        scopes: call.caller.scopes.clone(),
    };
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(FRAMES_MAX);
    let stream = Stream { kernel, feed: Arc::clone(feed), reader, position, sender };
    tasks::spawn(async move {
        stream.run().await;
        drop(place);
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::new(body)).into_response()
}

struct Stream {
    kernel: Kernel,
    feed: Arc<Feed>,
    reader: Reader,
    position: i64,
    sender: Sender<Bytes, std::io::Error>,
}

impl Stream {
    /// Runs until the client goes, its key ends, the instance stops, or the database fails: the client comes back with
    /// the last id it has seen.
    async fn run(mut self) {
        let mut relayed = self.feed.listen();
        let mut ended = self.feed.ended();
        // A first comment, so that the client knows at once that the stream is open.
        let mut frame = Some(Bytes::from_static(b": open\n\n"));
        loop {
            relayed.borrow_and_update();
            if let Some(frame) = frame.take()
                && self.sender.send_data(frame).await.is_err()
            {
                return;
            }
            let Ok(Some(events)) = self.read().await else { return };
            if let Some(last) = events.last() {
                self.position = last.position.unwrap_or(self.position);
                frame = Some(events.iter().map(written).collect::<String>().into());
                continue;
            }
            tokio::select! {
                heard = relayed.changed() => if heard.is_err() { return },
                () = tokio::time::sleep(HEARTBEAT) => frame = Some(Bytes::from_static(b": alive\n\n")),
                _ = ended.wait_for(|ended| *ended) => return,
            }
        }
    }

    /// The events that follow; `None` if the reader may see no more.
    async fn read(&self) -> Result<Option<Vec<StoredEvent>>, Fault> {
        let (reader, position, kernel) = (self.reader.clone(), self.position, self.kernel.clone());
        let read = move |tx: &mut Tx<'_>| {
            if !may_read(tx, &kernel, &reader)? {
                return Ok(None);
            }
            outbox::list_after(tx, &reader.organization, position, BATCH).map(Some)
        };
        self.kernel.parts().store.read(read).await
    }
}

/// A revoked or expired key and a suspended organization see nothing more, also on a stream that is open.
fn may_read(tx: &mut Tx<'_>, kernel: &Kernel, reader: &Reader) -> Result<bool, Fault> {
    let Some(key) = reader.key else { return Ok(false) };
    let Some(key) = credential::find_key(tx, &reader.organization, key)? else { return Ok(false) };
    let ended = key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= kernel.now());
    let suspended = organization::find(tx, &reader.organization)?.is_none_or(|row| row.suspended);
    Ok(!ended && !suspended && reader.scopes.contains(WEBHOOKS))
}

fn written(event: &StoredEvent) -> String {
    let data = serde_json::to_string(&wire::EventBody::of(event)).unwrap_or_default();
    format!("event: {}\nid: {}\ndata: {data}\n\n", event.kind, event.id)
}
