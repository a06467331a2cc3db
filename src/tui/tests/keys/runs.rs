//! Runs: cancelled, sent again, run again.

use crate::fixtures::*;
use throng_core::engine::Command;
use throng_core::jobs::Which;

#[test]
fn runs_are_cancelled_after_asking() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("3x<esc>").asked(), []);
    assert_eq!(fake.keys("xk3xq<enter>").asked(), [Command::CancelRun("20261123-115800-k3xq".into())]);
    assert_eq!(fake.keys("jxy").asked(), [], "it has ended");
}

#[test]
fn runs_are_sent_again_after_asking() {
    let id = "20261123-115800-k3xq";
    let again = [Command::ResumeRun(id.into())];
    let mut fake = Fake::new(stalled());
    assert_eq!(fake.keys("3<enter>Rn").asked(), []);
    assert_eq!(fake.keys("Ry").asked(), again);
    assert_eq!(fake.keys(":resume<enter>y").asked(), again);
    assert_eq!(fake.keys("3Ry").asked(), again, "from the list as well");
    let mut read_only = stalled();
    read_only.context.read_only = true;
    assert_eq!(Fake::new(read_only).keys("3<enter>Ry").asked(), []);
    let mut sending = stalled();
    sending.run.as_mut().unwrap().summary.unsent = 5;
    assert_eq!(Fake::new(sending).keys("3<enter>Ry").asked(), []);
}

#[test]
fn what_did_not_succeed_is_run_again_after_asking() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("3jRn").asked(), []);
    let again = |run: &str, which| Command::RunAgain { function: "grayscale".into(), run: run.into(), which };
    assert_eq!(fake.keys("Ry").asked(), [again("20261123-104455-p0aa", Which::Unsuccessful)]);
    let mut other = Fake::new(busy());
    assert_eq!(other.keys("3jRc").asked(), [again("20261123-104455-p0aa", Which::Changed)]);
    let mut snapshot = busy();
    snapshot.launched = Some("20261123-090012-77fd".into());
    fake.see(snapshot);
    assert_eq!(fake.keys("").app.page().list.row(), Some(2), "the cursor goes to the new run");
    let asked = fake.keys("Ry").asked();
    let [Command::RunAgain { which: Which::Changed, .. }] = &asked[..] else { panic!("{asked:?}") };
    let mut read_only = busy();
    read_only.context.read_only = true;
    assert_eq!(Fake::new(read_only).keys("3jRy").asked(), []);
}
