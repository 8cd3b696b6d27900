//! What a failed create has left behind is deleted, whatever happens on the way.

use std::sync::Arc;
use std::time::Duration;

use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment};
use sandbar_faults::{Fault, Message, Plan, Proxy};
use sandbar_protocol::{CreateOptions, Secret};

use crate::service::{Keys, Service};

async fn behind(plan: Plan) -> (Arc<Service>, Proxy, Client) {
    let service = Service::new(Keys::Honoured);
    let proxy = Proxy::start(Arc::clone(&service).listen().await, plan).await.unwrap();
    let options =
        ClientOptions { base_url: Some(proxy.url()), api_key: Some(Secret::new("key")), ..ClientOptions::default() };
    let client = Client::new(Config::new(&options, &Environment::default()).unwrap());
    (service, proxy, client)
}

fn refusal(status: u16, retry_after: &str) -> Fault {
    Fault::Answer(Message::answer(status, &[("retry-after", retry_after)], "{}"))
}

#[tokio::test]
async fn a_gateway_that_is_busy_does_not_make_a_lost_create_undone() {
    for status in [425, 429, 503] {
        let refuse: fn(usize) -> Option<Fault> = match status {
            425 => |_| Some(refusal(425, "0")),
            429 => |_| Some(refusal(429, "0")),
            _ => |_| Some(refusal(503, "0")),
        };
        // The look for keys is the first request after it.
        let (service, proxy, client) = behind(Box::new(move |request, number| match number {
            0 => Some(Fault::ResetAfter),
            _ if request.first_line().starts_with("GET") => None,
            _ => refuse(number),
        }))
        .await;
        let error = client.create(&CreateOptions::default(), CallOptions::new()).await.unwrap_err();
        assert!(error.call().unwrap().outcome_unknown, "{error}");
        assert_eq!(service.held(), 1);
        proxy.heal();
        client.settled().await;
        assert_eq!(service.held(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_cleanup_that_is_asked_to_come_later_does_not_come_again_and_again() {
    let (_service, proxy, client) = behind(Box::new(|_, number| match number {
        0 => None,
        1 => Some(Fault::ResetAfter),
        _ => Some(refusal(503, "3600")),
    }))
    .await;
    client.create(&CreateOptions::default(), CallOptions::new()).await.unwrap();
    client.create(&CreateOptions::default(), CallOptions::new()).await.unwrap_err();
    let before = proxy.requests();
    // Long enough for thousands of requests.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(proxy.requests() - before < 5, "{} requests", proxy.requests() - before);
}

#[tokio::test]
async fn a_page_of_a_gateway_does_not_tell_that_keys_are_not_kept() {
    let (service, _proxy, client) = behind(Box::new(|_, number| {
        let page = || Message::answer(200, &[("content-type", "text/html")], "<html>please log in</html>");
        (number == 0).then(|| Fault::Answer(page()))
    }))
    .await;
    client.create(&CreateOptions::default(), CallOptions::new()).await.unwrap();
    assert_eq!((service.made(), service.held()), (1, 1));
}
