#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;

fn tree(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
    }
    dir
}

fn names(dir: &Path, paths: &[&str]) -> Result<Vec<String>, ScanError> {
    // Joined as text, because `Path::join` keeps `/.` too.
    let paths: Vec<_> = paths.iter().map(|path| PathBuf::from(format!("{}/{path}", dir.display()))).collect();
    scan(&paths, &mut |_| true).map(|list| list.iter().map(|file| file.name.to_owned()).collect())
}

#[test]
fn folders_keep_their_sub_folders() {
    let dir = tree(&["d/a.txt", "d/e/b.txt", "d/.DS_Store", "d/e/._b.txt", "top.txt"]);
    assert_eq!(names(dir.path(), &["d"]).unwrap(), ["d/a.txt", "d/e/b.txt"]);
    assert_eq!(names(dir.path(), &["d/"]).unwrap(), ["d/a.txt", "d/e/b.txt"]);
    assert_eq!(names(dir.path(), &["d/."]).unwrap(), ["a.txt", "e/b.txt"]);
    assert_eq!(names(dir.path(), &["top.txt", "d/e"]).unwrap(), ["top.txt", "e/b.txt"]);
    let list = scan(&[dir.path().join("d")], &mut |_| true).unwrap();
    assert_eq!((list.junk, list.bytes()), (2, 16));
    assert!(list.iter().all(|file| std::fs::read(&file.path).unwrap().len() as u64 == file.size));
}

#[test]
fn single_files_of_equal_names_keep_their_last_folders() {
    let dir = tree(&["a/x.nii", "b/x.nii", "b/y.nii", "s1/ses/x.nii", "s2/ses/x.nii"]);
    assert_eq!(
        names(dir.path(), &["a/x.nii", "b/x.nii", "b/y.nii"]).unwrap(),
        ["a/x.nii", "b/x.nii", "y.nii"]
    );
    assert_eq!(
        names(dir.path(), &["s1/ses/x.nii", "s2/ses/x.nii"]).unwrap(),
        ["s1/ses/x.nii", "s2/ses/x.nii"]
    );
    assert_eq!(names(dir.path(), &["a/x.nii", "a/../a/x.nii"]).unwrap(), ["x.nii"], "one file");
    let list = scan(&[dir.path().join("a/x.nii"), dir.path().join("b/x.nii")], &mut |_| true).unwrap();
    assert!(list.iter().all(|file| std::fs::read_to_string(&file.path).unwrap() == file.name));
}

#[test]
fn globs_name_from_their_first_special_character() {
    let dir = tree(&["x/1/a.nii", "x/2/a.nii", "x/2/b.txt", "x/c.nii"]);
    assert_eq!(names(dir.path(), &["x/**/*.nii"]).unwrap(), ["1/a.nii", "2/a.nii", "c.nii"]);
    assert_eq!(names(dir.path(), &["x/*.nii"]).unwrap(), ["c.nii"]);
    assert_eq!(names(dir.path(), &["x/[2-3]/*.{txt,md}"]).unwrap(), ["2/b.txt"]);
    assert!(matches!(names(dir.path(), &["x/*.png"]), Err(ScanError::Nothing(_))));
    assert!(matches!(names(dir.path(), &["y/*.png"]), Err(ScanError::Missing(_))));
    assert!(matches!(names(dir.path(), &["x/[.png"]), Err(ScanError::Glob { .. })));
}

#[test]
fn a_file_whose_name_looks_like_a_glob_is_that_file() {
    let dir = tree(&["a[1].txt", "a1.txt"]);
    assert_eq!(names(dir.path(), &["a[1].txt"]).unwrap(), ["a[1].txt"]);
}

#[test]
fn brackets_of_folders_that_exist_are_names() {
    let dir = tree(&[
        "study [2024]/a.nii",
        "study [2024]/b.txt",
        "study 2/c.nii",
        "x/d[1]/e/f.nii",
        "x/d1/e/g.nii",
    ]);
    assert_eq!(names(dir.path(), &["study [2024]/*.nii"]).unwrap(), ["a.nii"]);
    assert_eq!(names(dir.path(), &["study [2024]/"]).unwrap(), ["study [2024]/a.nii", "study [2024]/b.txt"]);
    assert_eq!(names(dir.path(), &["x/d[1]/**/*.nii"]).unwrap(), ["e/f.nii"]);
    assert_eq!(names(dir.path(), &["x/d[1]/e"]).unwrap(), ["e/f.nii"]);
    // What does not exist is a pattern.
    assert_eq!(names(dir.path(), &["study [0-9]/*.nii"]).unwrap(), ["study 2/c.nii"]);
    assert!(names(dir.path(), &["x/d[2]/*"]).unwrap_err().to_string().contains("no files"));
}

#[test]
fn a_dataset_of_which_a_part_is_not_here_is_told_of() {
    let dir = tree(&["d/T1w.json"]);
    let link = |from: &str| std::os::unix::fs::symlink("../.store/nothing", dir.path().join(from)).unwrap();
    link("d/T1w.nii");
    let list = scan(&[dir.path().join("d"), dir.path().join("d/T1w.nii")], &mut |_| true).unwrap();
    assert_eq!((list.len(), list.unreadable), (1, 2));
    let told = list.left_out().unwrap();
    assert!(
        told.contains("d/T1w.nii` is a link to `../.store/nothing`, which is not there (and 1 more)"),
        "{told}"
    );
    // When it is all there is, the reason is in the error.
    link("alone");
    let error = names(dir.path(), &["alone"]).unwrap_err().to_string();
    assert!(error.starts_with("no files in") && error.contains("which is not there"), "{error}");
}

#[test]
fn two_files_of_one_name_are_refused_and_one_file_twice_is_taken_once() {
    let dir = tree(&["x/a.txt", "y/a.txt"]);
    let error = names(dir.path(), &["x/.", "y/."]).unwrap_err().to_string();
    assert!(error.contains("/x/") && error.contains("/y/"), "{error}");
    assert_eq!(names(dir.path(), &["x/a.txt", "x/a.txt", "x/../x/a.txt"]).unwrap(), ["a.txt"]);
    assert_eq!(names(dir.path(), &["x", "y"]).unwrap(), ["x/a.txt", "y/a.txt"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_loops_and_other_things_are_told() {
    let dir = tree(&["d/a.txt", "other/b.txt"]);
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(to, dir.path().join(from)).unwrap();
    link("../other/b.txt", "d/link.txt");
    link("..", "d/loop");
    link("nowhere", "d/broken");
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("d/socket")).unwrap();
    let list = scan(&[dir.path().join("d")], &mut |_| true).unwrap();
    let names: Vec<_> = list.iter().map(|file| file.name.to_owned()).collect();
    assert!(names.contains(&"d/a.txt".into()) && names.contains(&"d/link.txt".into()), "{names:?}");
    assert_eq!(list.problems.len() as u64, list.unreadable);
    for name in ["d/broken", "d/socket"] {
        assert!(list.problems.iter().any(|problem| problem.path.ends_with(name)), "{name}");
    }
    assert!(list.problems.iter().any(|problem| problem.reason.contains("link back")), "{:?}", list.problems);
}

#[test]
fn a_missing_path_is_named_and_a_scan_can_be_stopped() {
    let dir = tree(&[]);
    assert!(matches!(names(dir.path(), &["no"]), Err(ScanError::Missing(path)) if path.ends_with("/no")));
    for n in 0..600 {
        std::fs::write(dir.path().join(format!("{n:03}")), "").unwrap();
    }
    let list = scan(&[dir.path().to_owned()], &mut |found| found < 512).unwrap();
    assert_eq!(list.len(), 512);
}
