#![allow(clippy::unwrap_used)]
use super::*;
use crate::definition::JoinRule;
use throng_contract::barrier::When;

fn node(function: &str, from: &[usize]) -> Node {
    let place = TriggerPlace { bucket: "b".into(), prefix: format!("{function}/"), suffix: String::new() };
    let started = from.iter().map(|from| (*from, vec![place.clone()])).collect();
    Node { started, ..super::node(function, FunctionFacts::default(), false) }
}

#[test]
fn stages_come_after_those_that_start_them() {
    // `late` is found first, because the launched function starts it, too.
    let nodes = [node("a", &[]), node("late", &[0, 2]), node("b", &[0])];
    let order = in_order(&nodes).unwrap();
    assert_eq!(order, [0, 2, 1]);
    let stages = behind_first(&nodes, &order).stages;
    let named: Vec<_> = stages.iter().map(|stage| (stage.function.as_str(), stage.from.clone())).collect();
    assert_eq!(named, [("b", vec![0]), ("late", vec![0, 1])]);
    assert_eq!(stages[1].starts.len(), 1, "the same place twice is one");
    assert_eq!(behind_first(&nodes, &order).mixes.as_deref(), Some("a"), "no path has the run in it");
    let apart = |node: Node| Node { facts: FunctionFacts { keeps_runs_apart: true, ..node.facts }, ..node };
    let nodes = nodes.map(apart);
    assert_eq!(behind_first(&nodes, &order).mixes, None);
}

#[test]
fn a_join_comes_after_everything_it_waits_for() {
    let mut nodes = vec![node("split", &[]), node("detect", &[0]), node("mark", &[1])];
    let rule = |after: &[&str]| FunctionFacts {
        join: Some(JoinRule {
            after: after.iter().map(ToString::to_string).collect(),
            when: When::AllEnded,
            stage_in: false,
            by: None,
        }),
        ..FunctionFacts::default()
    };
    let mut joins = BTreeMap::from([
        ("montage".to_owned(), rule(&["split", "mark"])),
        ("elsewhere".to_owned(), rule(&["detect", "other"])),
        ("table".to_owned(), rule(&["montage"])),
    ]);
    add_joins(&mut nodes, &mut joins).unwrap();
    add_joins(&mut nodes, &mut joins).unwrap();
    let behind = behind_first(&nodes, &in_order(&nodes).unwrap());
    let told: Vec<_> = behind
        .stages
        .iter()
        .map(|stage| {
            let join = stage.join.as_ref().map(|join| (join.task.to_string(), join.depth));
            (stage.function.as_str(), stage.from.clone(), join)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("detect", vec![0], None),
            ("mark", vec![1], None),
            ("montage", vec![0, 2], Some(("join".to_owned(), 3))),
            ("table", vec![3], Some(("join-2".to_owned(), 4))),
        ]
    );
    assert!(behind.has_joins() && joins.contains_key("elsewhere"), "what is not all there is not waited for");
}

#[test]
fn joins_of_a_chain_have_the_same_groups() {
    let join = |function: &str, from: &[usize], by: Option<&str>| {
        let rule =
            JoinRule { after: Vec::new(), when: When::default(), stage_in: true, by: by.map(str::to_owned) };
        let facts = FunctionFacts { join: Some(rule), ..FunctionFacts::default() };
        Node { facts, joins: true, ..node(function, from) }
    };
    let grouping = |joins: &[Node]| grouping(joins).map_err(|error| error.to_string());
    let begin = || [node("a", &[]), join("m", &[0], Some("{dir}"))];
    assert_eq!(grouping(&begin()), Ok(Some("{dir}".into())));
    assert_eq!(grouping(&[node("a", &[]), join("m", &[0], None)]), Ok(None));
    let [a, m] = begin();
    assert_eq!(grouping(&[a, m, join("all", &[1], None)]), Ok(Some("{dir}".into())));
    let [a, m] = begin();
    let said = grouping(&[a, m, join("n", &[1], Some("{stem}"))]).unwrap_err();
    assert!(said.contains("`m` (by {dir}) and `n` (by {stem})"), "{said}");
    let said = grouping(&[node("a", &[]), join("all", &[0], None), join("n", &[1], Some("{dir}"))]);
    assert!(said.unwrap_err().contains("waits for `all`, which joins everything"));
}

#[test]
fn a_loop_is_refused_and_named() {
    let nodes = [node("a", &[]), node("b", &[0, 2]), node("c", &[1])];
    let error = in_order(&nodes).unwrap_err().to_string();
    assert!(error.contains("b → c → b") || error.contains("c → b → c"), "{error}");
    let own = in_order(&[node("a", &[0])]).unwrap_err().to_string();
    assert!(own.contains("a → a"), "{own}");
}

#[test]
fn places_hit_triggers_from_both_sides() {
    let place = |prefix: &str| Place { bucket: "b".into(), prefix: prefix.into() };
    let trigger = |prefix: &str| TriggerPlace { prefix: prefix.into(), ..TriggerPlace::default() };
    for (output, start, expected) in [
        ("frames", "frames/", Hit::Surely),
        ("frames/deep", "frames/", Hit::Surely),
        ("frames", "frames/png/", Hit::ByFolder),
        ("frames2", "frames/", Hit::Never),
        ("", "frames/", Hit::ByFolder),
        ("frames", "", Hit::Surely),
        ("frames", "fr", Hit::Surely),
    ] {
        assert_eq!(hit(&place(output), &trigger(start)), expected, "{output} {start}");
    }
}
