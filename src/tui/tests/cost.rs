//! What a frame costs. Run with `cargo test --release --bin throng tui::tests::cost -- --ignored --nocapture`.

use crate::event_loop::frame;
use crate::fixtures::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::sync::Arc;
use std::time::Instant;

#[test]
#[ignore = "a measurement"]
fn a_frame_of_many_tasks_costs_what_a_frame_of_few_costs() {
    for total in [50, 100_000] {
        let mut snapshot = busy();
        snapshot.run = Some(run_view(total));
        let mut fake = Fake::new(snapshot.clone());
        fake.keys("3<enter>");
        let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
        let mut measure = |name: &str, fake: &mut Fake, mut before: Box<dyn FnMut(&mut Fake)>| {
            let rounds = 200;
            let start = Instant::now();
            for _ in 0..rounds {
                before(fake);
                fake.app.prepare();
                frame(&mut terminal, &mut fake.app).unwrap();
            }
            eprintln!(
                "{total:>7} tasks, {name:<28} {:>9.3} ms a frame",
                start.elapsed().as_secs_f64() * 1000.0 / f64::from(rounds)
            );
        };
        measure("nothing new", &mut fake, Box::new(|_| ()));
        measure(
            "cursor moved",
            &mut fake,
            Box::new(|fake| fake.app.with_list(|list, rows| list.step(1, rows))),
        );
        let mut changing = snapshot.clone();
        measure(
            "one task changed",
            &mut fake,
            Box::new(move |fake| {
                let tasks = Arc::make_mut(&mut changing.run.as_mut().unwrap().stages[0].tasks);
                let last = tasks.last_mut().unwrap();
                *last = Arc::new(last.to_vec());
                fake.app.take(Arc::new(changing.clone()));
            }),
        );
        fake.keys("/scan-0.*9<enter>");
        let mut changing = snapshot.clone();
        measure(
            "one changed, filtered",
            &mut fake,
            Box::new(move |fake| {
                let tasks = Arc::make_mut(&mut changing.run.as_mut().unwrap().stages[0].tasks);
                let last = tasks.last_mut().unwrap();
                *last = Arc::new(last.to_vec());
                fake.app.take(Arc::new(changing.clone()));
            }),
        );
        fake.keys("<esc>ssssss");
        let mut changing = snapshot.clone();
        measure(
            "one changed, sorted by time",
            &mut fake,
            Box::new(move |fake| {
                let tasks = Arc::make_mut(&mut changing.run.as_mut().unwrap().stages[0].tasks);
                let last = tasks.last_mut().unwrap();
                *last = Arc::new(last.to_vec());
                fake.app.take(Arc::new(changing.clone()));
            }),
        );
    }
}
