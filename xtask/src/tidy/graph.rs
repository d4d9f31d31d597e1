//! The files of a crate and the arrows between them, from the paths they name; and the circles among those arrows.
//!
//! A file leads to the file of the deepest module that a path of it names. That a module declares another is no arrow; that it
//! uses or re-exports something of it is one.

use super::code;
use super::paths::{self, Named, Said};
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module's path inside its crate; the root's is empty.
pub type Module = Vec<String>;

/// The files of one crate, by the module that each is, and where each leads.
#[derive(Debug, Default)]
pub struct Graph {
    /// Every module that is a file, with the file's name below the sources.
    pub files: BTreeMap<Module, PathBuf>,
    /// From a module to those it names.
    pub arrows: BTreeMap<Module, BTreeSet<Module>>,
}

/// Reads the crate whose root file this is, and every file that belongs to it.
pub fn read(root: &Path) -> anyhow::Result<Graph> {
    let folder = root.parent().context("a root file lies in a folder")?;
    let mut said: BTreeMap<Module, Said> = BTreeMap::new();
    let mut graph = Graph::default();
    let mut next = vec![(Module::new(), root.to_owned(), folder.to_owned())];
    while let Some((module, file, children)) = next.pop() {
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let own = paths::read(&code::words(&text));
        for name in &own.declares {
            let child = [module.clone(), vec![name.clone()]].concat();
            let flat = children.join(format!("{name}.rs"));
            let file = if flat.is_file() { flat } else { children.join(name).join("mod.rs") };
            // What is declared for tests only has no words here, so every file that is declared is there.
            next.push((child, file, children.join(name)));
        }
        graph.files.insert(module.clone(), file.strip_prefix(folder).unwrap_or(&file).to_owned());
        said.insert(module, own);
    }
    for (module, own) in &said {
        let leads_to = own.names.iter().filter_map(|named| target(&graph.files, module, named)).filter(|to| to != module).collect();
        graph.arrows.insert(module.clone(), leads_to);
    }
    Ok(graph)
}

/// The module of a file that a path leads to; nothing for what lies outside the crate or inside the file itself.
fn target(files: &BTreeMap<Module, PathBuf>, module: &Module, named: &Named) -> Option<Module> {
    let mut here = [module.clone(), named.inside.clone()].concat();
    let mut words = named.path.as_slice();
    match words.first()?.as_str() {
        "crate" => {
            here = Module::new();
            words = &words[1..];
        }
        "self" => words = &words[1..],
        "super" => {
            while let Some((first, rest)) = words.split_first().filter(|(first, _)| *first == "super") {
                debug_assert_eq!(first, "super");
                here.pop()?;
                words = rest;
            }
        }
        // A path that begins with a child's name leads there; any other leads out of the crate or stays in the file.
        first => {
            let child = [here.clone(), vec![first.to_owned()]].concat();
            files.get(&child)?;
        }
    }
    for word in words {
        let deeper = [here.clone(), vec![word.clone()]].concat();
        if !files.contains_key(&deeper) {
            break;
        }
        here = deeper;
    }
    // An inline module is part of the file around it.
    while !files.contains_key(&here) {
        here.pop()?;
    }
    Some(here)
}

impl Graph {
    /// Groups of files that lead to one another, each in the order of their names.
    pub fn circles(&self) -> Vec<Vec<Module>> {
        let reach = |from: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = next.pop() {
                for to in self.arrows.get(&module).into_iter().flatten() {
                    if seen.insert(to.clone()) {
                        next.push(to.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> = self.files.keys().map(|module| (module, reach(module))).collect();
        let (mut found, mut placed) = (Vec::new(), BTreeSet::new());
        for (module, from) in &reached {
            if from.contains(*module) && !placed.contains(*module) {
                let circle: Vec<Module> = from.iter().filter(|other| reached[other].contains(*module)).cloned().collect();
                placed.extend(circle.iter().cloned());
                found.push(circle);
            }
        }
        found
    }

    /// A file's name.
    pub fn name(&self, module: &Module) -> String {
        self.files.get(module).map_or_else(|| module.join("::"), |file| file.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> (tempdir::Folder, Graph) {
        let folder = tempdir::Folder::new();
        for (name, text) in files {
            let path = folder.0.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let graph = read(&folder.0.join("lib.rs")).expect("a crate");
        (folder, graph)
    }

    /// A folder that is gone at the end of a test.
    mod tempdir {
        use std::path::PathBuf;
        use std::sync::atomic::{AtomicUsize, Ordering};

        pub struct Folder(pub PathBuf);

        impl Folder {
            pub fn new() -> Self {
                static MADE: AtomicUsize = AtomicUsize::new(0);
                let number = MADE.fetch_add(1, Ordering::Relaxed);
                Folder(std::env::temp_dir().join(format!("usance-tidy-{}-{number}", std::process::id())))
            }
        }

        impl Drop for Folder {
            fn drop(&mut self) {
                let _ = std::fs::remove_dir_all(&self.0);
            }
        }
    }

    fn module(path: &str) -> Module {
        path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn arrows_are_found_in_every_form() {
        let (_folder, graph) = written(&[
            ("lib.rs", "pub mod a; mod b; fn f() { b::c::g() }"),
            ("a.rs", "use crate::b; use std::fmt; use serde::b::d;"),
            ("b/mod.rs", "pub mod c; mod d; pub use d::D; mod inner { use super::c::C; }"),
            ("b/c.rs", "fn g(x: super::super::a::A) {} #[cfg(test)] mod tests { use super::super::d::D; }"),
            ("b/d.rs", ""),
        ]);
        let leads = |from: &str| graph.arrows[&module(from)].iter().map(|to| to.join("::")).collect::<Vec<_>>();
        assert_eq!(leads(""), ["b::c"]);
        assert_eq!(leads("a"), ["b"]);
        assert_eq!(leads("b"), ["b::c", "b::d"]);
        assert_eq!(leads("b::c"), ["a"]);
        assert!(leads("b::d").is_empty());
        assert_eq!(graph.circles(), [[module("a"), module("b"), module("b::c")]]);
        assert_eq!(graph.name(&module("b")), "b/mod.rs");
    }

    #[test]
    fn a_house_without_circles_has_none() {
        let (_folder, graph) = written(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "")]);
        assert!(graph.circles().is_empty());
    }
}
