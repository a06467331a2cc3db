//! Which keys answer a question: not those that were typed before it could be read.

use crate::fixtures::*;
use crate::input;
use crate::place::Route;
use crossterm::event::Event;
use throng_core::engine::{Command, ContextInfo, PlanView};
use throng_core::model::RunSummary;

/// Keys that arrive in one read.
fn burst(fake: &mut Fake, keys: &str) {
    let batch = crate::keys::macro_keys(keys).into_iter().map(Event::Key).collect();
    input::handle(&mut fake.app, batch);
}

/// Keys that arrive one by one, with a frame between them, so many milliseconds apart.
fn typed(fake: &mut Fake, keys: &str, apart_ms: u64) {
    for key in crate::keys::macro_keys(keys) {
        fake.look_at_dialogs();
        fake.passes(apart_ms);
        input::handle(&mut fake.app, vec![Event::Key(key)]);
    }
    fake.look_at_dialogs();
}

/// What was asked for that changes something.
fn done(fake: &mut Fake) -> Vec<Command> {
    fake.asked().into_iter().filter(|command| !matches!(command, Command::Refresh)).collect()
}

fn said(fake: &Fake) -> &str {
    fake.app.message.as_ref().map_or("", |message| &message.text)
}

/// In a folder, the cursor on an object.
fn in_a_folder() -> Fake {
    let mut fake = Fake::new(busy());
    fake.keys("2j<enter>jj").asked();
    fake
}

#[test]
fn text_for_another_window_deletes_nothing() {
    for apart_ms in [0, 10, 120, 290] {
        let mut fake = in_a_folder();
        // `is it ready` and the like: a mark, the question, its answer.
        typed(&mut fake, "is it ready<enter>", apart_ms);
        assert_eq!(done(&mut fake), [], "{apart_ms} ms between keys");
    }
    let mut fake = in_a_folder();
    burst(&mut fake, "is it ready<enter>");
    assert_eq!(done(&mut fake), [], "an unbracketed paste");
    assert_eq!(fake.app.layers.len(), 1, "the question stays to be read");
}

#[test]
fn an_answer_that_was_typed_before_the_question_was_drawn_is_none() {
    let mut fake = in_a_folder();
    // The question is there, but has not reached the screen, however long that takes.
    burst(&mut fake, "d");
    fake.passes(5_000);
    burst(&mut fake, "y");
    assert_eq!(fake.asked(), []);
    assert!(said(&fake).contains("Too fast to be an answer"), "{}", said(&fake));
    fake.look_at_dialogs();
    fake.passes(299);
    burst(&mut fake, "y");
    assert_eq!(fake.asked(), [], "nobody reads so fast");
    fake.passes(300);
    burst(&mut fake, "y");
    assert!(matches!(&fake.asked()[..], [Command::DeleteObjects { keys, .. }] if keys.len() == 1));
}

#[test]
fn a_paste_into_an_open_question_does_not_answer_it() {
    let mut fake = in_a_folder();
    fake.keys("d");
    fake.passes(5_000);
    burst(&mut fake, "yes, it is ready");
    assert_eq!(fake.asked(), [], "several keys at once are no answer");
    assert_eq!(fake.app.layers.len(), 1);
    fake.passes(5_000);
    fake.keys("<esc>");
    assert!(fake.app.layers.is_empty(), "esc is always the way out");
}

#[test]
fn more_than_one_object_needs_their_count_and_a_folder_its_name() {
    let mut fake = Fake::new(busy());
    fake.keys("2j<enter>jj<space><space>");
    assert_eq!(fake.keys("dy<enter>").asked(), [], "a letter is not enough");
    assert!(said(&fake).contains("That is not 2"), "{}", said(&fake));
    let keys = vec!["README.txt".into(), "atlas.nii.gz".into()];
    let delete = |keys| Command::DeleteObjects { bucket: "scans".into(), keys };
    assert_eq!(fake.keys("<ctrl-u>2<enter>").asked(), [delete(keys)]);
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("2j<enter>dy<enter>1<enter>").asked(), []);
    let folder = vec!["mri-slices/".into()];
    assert_eq!(fake.keys("<ctrl-u>mri-slices<enter>").asked(), [delete(folder)]);
}

#[test]
fn a_name_is_typed_as_fast_as_one_can_but_not_before_the_question() {
    let mut fake = Fake::new(busy());
    // Its name follows the key at once: a script, or a text.
    burst(&mut fake, "dgrayscale<enter>");
    typed(&mut fake, "grayscale<enter>", 20);
    assert_eq!(fake.asked(), []);
    fake.passes(400);
    typed(&mut fake, "g", 0);
    typed(&mut fake, "rayscale<enter>", 20);
    assert_eq!(fake.asked(), [Command::DeleteFunction("grayscale".into())]);
    // A terminal may paste as if it were typed.
    let mut fake = Fake::new(busy());
    fake.keys("d");
    fake.passes(1_000);
    burst(&mut fake, "grayscale<enter>");
    assert_eq!(fake.asked(), [Command::DeleteFunction("grayscale".into())]);
    // A paste of the name counts as typed once the question was read.
    let mut fake = Fake::new(busy());
    fake.keys("d");
    input::handle(&mut fake.app, vec![Event::Paste("grayscale".into())]);
    assert_eq!(fake.keys("<enter>").asked(), [], "it came with the question");
    fake.passes(1_000);
    input::handle(&mut fake.app, vec![Event::Paste("grayscale".into())]);
    assert_eq!(fake.keys("<enter>").asked(), [Command::DeleteFunction("grayscale".into())]);
}

#[test]
fn a_run_is_cancelled_by_the_end_of_its_name() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("3xy<enter>").asked(), []);
    let cancel = Command::CancelRun("20261123-115800-k3xq".into());
    assert_eq!(fake.keys("<ctrl-u>k3xq<enter>").asked(), [cancel]);
}

#[test]
fn a_plan_is_agreed_to_only_after_it_was_shown() {
    let mut snapshot = busy();
    snapshot.context = ContextInfo { name: "aws".into(), ..ContextInfo::default() };
    let mut fake = Fake::new(snapshot.clone());
    fake.keys("nresize<tab>debian:12<ctrl-s>").asked();
    // Enter was on its way when the plan came.
    fake.passes(5_000);
    snapshot.plan = Some(planned());
    fake.see(snapshot);
    burst(&mut fake, "<enter>");
    assert_eq!(fake.asked(), []);
    assert!(matches!(fake.app.snapshot.plan, Some(PlanView::Ready(_))));
    fake.look_at_dialogs();
    fake.passes(400);
    burst(&mut fake, "<enter>");
    assert!(matches!(&fake.asked()[..], [Command::DeployForm(_), Command::ClosePlan]));
}

#[test]
fn what_is_typed_behind_a_drop_starts_nothing() {
    let mut fake = Fake::new(busy());
    input::handle(
        &mut fake.app,
        vec![Event::Paste("/etc/hostname".into()), Event::Key(crate::keys::macro_keys("<enter>")[0])],
    );
    typed(&mut fake, "yes<enter>", 50);
    assert_eq!(fake.asked(), []);
    assert_eq!(fake.app.layers.len(), 1);
    assert!(matches!(fake.keys("<enter>").asked()[..], [Command::RunFiles { .. }]));
}

#[test]
fn a_text_that_opens_a_menu_or_a_form_chooses_nothing_in_it() {
    let mut fake = in_a_folder();
    burst(&mut fake, "R<enter>");
    assert_eq!(fake.asked(), [], "a function over the object under the cursor");
    let mut fake = Fake::new(busy());
    burst(&mut fake, "nname<enter>image<enter><enter><enter><enter><enter>here<enter>");
    assert_eq!(fake.asked(), [], "lines of a text are no form");
    let mut fake = Fake::new(busy());
    fake.keys("2");
    burst(&mut fake, "build<enter>");
    assert_eq!(fake.asked(), [], "no bucket `uild`");
}

/// Of what has not been read nothing is said, and nothing is done.
#[test]
fn a_run_that_is_being_read_offers_nothing() {
    let mut snapshot = busy();
    let view = snapshot.run.as_mut().unwrap();
    view.summary = RunSummary { reading: true, stalled_ms: Some(90_000), ..view.summary.clone() };
    let mut fake = Fake::new(snapshot);
    assert_eq!(fake.keys("3<enter>Ry").asked(), []);
    assert!(matches!(fake.app.page().place, Route::Run(_)) && fake.app.layers.is_empty());
}
