//! Everything that can go wrong around an engine, at random moments and under load: nothing that it acknowledged is lost,
//! every call is answered in time, and afterwards it is healthy without a restart.
//!
//! `SANDBAR_ENDURANCE_SECONDS` says how long (default 20, the whole run is 1800), `SANDBAR_ENDURANCE_SEED` repeats the
//! order of the faults. As an ordinary user, and without libfaketime, the faults that need them are left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod ledger;
mod scene;
mod work;

use std::time::{Duration, Instant};

use support::setting;

use crate::faults::Fault;
use crate::scene::Scene;

const WORKERS: u64 = 6;
const DEFAULT_SECONDS: u64 = 20;

#[test]
fn engine_loses_nothing_and_heals_by_itself_under_faults() {
    let seed = setting("SANDBAR_ENDURANCE_SEED", fastrand::u64(..));
    let duration = Duration::from_secs(setting("SANDBAR_ENDURANCE_SECONDS", DEFAULT_SECONDS));
    println!("SANDBAR_ENDURANCE_SEED={seed}");
    // Before the runtime: its threads, and what they start, share this thread's mounts.
    let has_disk = scene::own_mounts();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut scene = Scene::start(has_disk);
        let mut random = fastrand::Rng::with_seed(seed);
        let workers: Vec<_> =
            (0..WORKERS).map(|number| tokio::spawn(work::work(scene.world.clone(), number, random.fork()))).collect();
        let begun = Instant::now();
        let mut faults = Fault::deck(&scene, &mut random);
        while begun.elapsed() < duration {
            let fault = faults.next().unwrap();
            let strength = random.f64();
            let at = begun.elapsed().as_secs();
            fault.strike(&mut scene, strength, &mut random).await;
            let healed = scene.heals().await;
            println!("{at:>5} s: {fault:?} for {:.1} s, healthy after {healed:.1?}", fault.seconds(strength));
            assert!(workers.iter().all(|worker| !worker.is_finished()), "a worker has found something wrong");
        }
        scene.world.stop.cancel();
        for worker in workers {
            worker.await.unwrap();
        }
        scene.check_all().await;
        println!("{}", scene.world.ledger.summary());
        scene.end().await;
    });
}
