//! What holds sandboxes within their limits, and that nothing of it is left.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use sandbar_client::CallOptions;
use support::{KEY, Serve};

/// The control groups of an engine's sandbox.
fn groups(serve: &Serve, id: &str) -> Vec<PathBuf> {
    let lists = serve.processes().into_iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).ok());
    let list = lists.into_iter().find(|list| list.contains(id)).unwrap_or_default();
    let own = list.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    own.filter(|(_, path)| path.ends_with(id))
        .map(|(controllers, path)| {
            let hierarchy = if controllers.is_empty() { "unified" } else { controllers };
            Path::new("/sys/fs/cgroup").join(hierarchy).join(path.trim_start_matches('/'))
        })
        .collect()
}

#[tokio::test]
async fn the_detail_says_what_holds() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    let detail = serve.client(KEY).get(&id, CallOptions::default()).await.unwrap().value;
    let limits = detail.limits.unwrap();
    assert!(["cgroup v2", "cgroup v1", "rlimits"].contains(&limits.level.as_deref().unwrap()), "{limits:?}");
    assert_eq!(limits.processes, Some(512));
    assert_eq!(serve.terminate(), Some(0));
}

#[tokio::test]
async fn the_groups_of_a_killed_engine_are_removed_by_whichever_comes_next() {
    let mut killed = Serve::start_with(&["--api-key", KEY, "--outlive", "0"]);
    let id = killed.sandbox().await;
    let left = groups(&killed, &id);
    killed.kill();
    assert!(left.iter().all(|group| group.exists()), "{left:?}");
    let mut next = Serve::start();
    assert!(left.iter().all(|group| !group.exists()), "{left:?}");
    assert_eq!(next.terminate(), Some(0));
}
