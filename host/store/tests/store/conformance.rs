//! What every store promises, as scripts; run against memory and redb. Invariants are cited where they are attacked.

use nave_store::{Memory, Options, Redb, Store, StoreKey};

use crate::script::answer;

pub(crate) const SCRIPTS: &[(&str, &str)] = &[
    (
        "numbers start at 1 and advance past what a batch brings",
        "heads -> 1 1 1 1 1 1
         commit record=1:1 record=2:1 change=1::a change=2::b contribution=7:crm:x review=3:open run=5:f dead=out:1:0:1 -> ok
         heads -> 3 8 3 4 2 6
         record 1 2 3 -> v1 v1 none
         records-after 0 10 -> 1 2
         records-after 1 10 -> 2
         contributions-after 0 10 -> 7",
    ),
    (
        "a record must be new or follow the version before it",
        "commit record=1:1 -> ok
         commit record=1:2 -> ok
         commit record=1:2 -> conflict [1]
         commit record=1:4 -> conflict [1]
         commit record=1:3 record=2:1 expect=1:2 -> ok
         commit expect=1:2 expect=2:1 expect=9:0 row=hub:x:1 -> conflict [1]
         row hub x -> none
         commit record=3:1 record=3:2 -> ok
         record 1 2 3 -> v3 v1 v2",
    ),
    (
        "I2: sequences have no gaps, whatever was refused in between",
        "commit record=1:1 change=1::a change=1:a:b -> ok
         commit record=1:9 change=1:b:c -> conflict [1]
         commit record=1:2 change=1:b:c -> ok
         commit change=1:c:d -> ok
         changes 0 10 -> 1:1:none:a@100 2:1:a:b@100 3:1:b:c@100 4:1:c:d@100
         changes 2 1 -> 3:1:b:c@100
         history 1 2 -> 4:1:c:d@100 3:1:b:c@100
         history 1 9 -> 4:1:c:d@100 3:1:b:c@100 2:1:a:b@100 1:1:none:a@100
         history 5 9 -> -
         heads -> 2 1 5 1 1 1",
    ),
    (
        "I2: destroying a record's key leaves the entry and takes its values, and those of others stay",
        "commit record=1:1 record=2:1 change=1::a change=2::b change=1:a:c -> ok
         commit erase=1 -> ok
         changes 0 10 -> 1:1:none:–@100 2:2:none:b@100 3:1:–:–@100
         commit record=1:2 change=1:c:again -> ok
         history 1 1 -> 4:1:–:–@100
         history 2 1 -> 2:2:none:b@100",
    ),
    (
        "I2: small rows about a record are sealed under its key: with it they are gone, and nothing is kept later",
        "commit record=1:1 record=2:1 change=1::a change=2::b seal=1:held:x:one seal=2:held:y:two -> ok
         sealed held -> x=one y=two
         commit seal=1:held:x:other row=held:y -> ok
         sealed held -> x=other
         commit seal=2:held:y:two -> ok
         commit erase=1 -> ok
         sealed held -> x=– y=two
         commit seal=1:held:z:late -> ok
         sealed held -> x=– y=two
         sealed none -> -",
    ),
    (
        "I1: a checkpoint moves one forward from where it was decided, together with the page or not at all",
        "commit record=1:1 checkpoint=crm:contacts:0:1 -> ok
         checkpoint crm contacts -> 1
         commit record=2:1 checkpoint=crm:contacts:0:1 -> conflict []
         commit record=2:1 checkpoint=crm:contacts:1:3 -> conflict []
         commit record=2:1 checkpoint=crm:contacts:2:3 -> conflict []
         commit record=2:1 checkpoint=crm:contacts:1:1 -> conflict []
         record 2 -> none
         commit record=2:1 checkpoint=crm:contacts:1:2 -> ok
         checkpoint crm contacts -> 2
         checkpoint cr mcontacts -> none
         commit forget=crm:contacts -> ok
         checkpoint crm contacts -> none
         commit checkpoint=crm:contacts:0:1 -> ok",
    ),
    (
        "I4: an entry leaves dirty only for the stamp that was compared",
        "commit dirty=out:1:1 dirty=out:2:1 dirty=other:1:4 -> ok
         dirty out 0 10 -> 1:1:1 2:1:2
         commit dirty=out:1:2 -> ok
         dirty out 0 10 -> 1:3:4 2:1:2
         dirty-count out -> 2
         commit clean=out:1:1 clean=out:2:2 -> ok
         dirty out 0 10 -> 1:3:4
         commit clean=out:1:4 dirty=out:1:8 -> ok
         dirty out 0 10 -> 1:8:5
         dirty-count out -> 1
         dirty-count other -> 1
         dirty-count none -> 0
         commit clean=none:1:1 clean=out:1:5 -> ok
         dirty out 0 10 -> -
         dirty other 0 10 -> 1:4:3
         dirty other 1 10 -> -",
    ),
    (
        "entering twice in one batch folds",
        "commit dirty=out:5:1 dirty=out:3:1 dirty=out:5:16 -> ok
         dirty out 0 10 -> 3:1:2 5:17:3
         dirty out 3 1 -> 5:17:3
         dirty-count out -> 2",
    ),
    (
        "I5: at most one intent for each destination and record; I6: a key always carries the same bytes",
        "commit intent=out:1:k1:body intent=out:2:k2:body -> ok
         intents out -> 1:k1 2:k2
         commit intent=out:1:k1:body -> ok
         commit intent=out:1:k9:body -> panic I5
         commit intent=out:1:k1:other -> panic I6
         commit intent=new:1:k3:a intent=new:1:k4:a -> panic I5
         intent out 1 -> k1
         commit settle=out:1 intent=out:1:k5:other -> ok
         intent out 1 -> k5
         commit settle=out:1 settle=out:9 -> ok
         intents out -> 2:k2
         intent out 1 -> none
         intent nowhere 1 -> none",
    ),
    (
        "parked deliveries hold their place once",
        "commit park=out:1:0 park=out:2:0 park=other:1:0 -> ok
         commit park=out:1:1 unpark=out:2 -> ok
         parked out -> 1:1
         parked other -> 1:0
         parked nowhere -> -",
    ),
    (
        "a second failure of the same thing replaces the first, keeps its number and first time, and counts",
        "commit dead=out:1:0:5 dead=out:2:0:5 -> ok
         commit dead=out:1:0:9 -> ok
         dead 0 10 -> 1:delivery_1_outx2@5-9 2:delivery_2_outx1@5-5
         dead 1 10 -> 2:delivery_2_outx1@5-5
         dead-of out 1 -> 1
         commit revive=2 -> ok
         dead-of out 2 -> none
         commit revive-subject=out:1 revive-subject=out:7 -> ok
         dead 0 10 -> -
         commit dead=out:1:0:20 -> ok
         dead 0 10 -> 3:delivery_1_outx1@20-20
         commit revive=3 dead=out:1:0:30 -> ok
         dead 0 10 -> 4:delivery_1_outx1@30-30",
    ),
    (
        "what is found vacant must still be",
        "commit add=match:1:10 add=remote:1:11 -> ok
         commit vacant=match:2 vacant=waiting:1 row=hub:x:1 -> ok
         commit vacant=match:2 vacant=match:1 row=hub:x:2 -> conflict [10]
         row hub x -> 1
         commit remove=match:1:10 -> ok
         commit vacant=match:1 row=hub:x:3 -> ok
         row hub x -> 3",
    ),
    (
        "the index forgets what was removed and keeps what came again",
        "commit add=match:1:10 add=match:1:5 add=match:2:10 -> ok
         find match 1 2 3 -> [5, 10] [10] []
         find remote 1 -> []
         commit remove=match:1:10 add=match:3:10 -> ok
         find match 1 2 3 -> [5] [10] [10]
         commit remove=match:1:5 add=match:1:5 -> ok
         commit add=match:1:10 -> ok
         tend -> -
         find match 3 2 1 -> [10] [10] [5, 10]",
    ),
    (
        "a remote key is resolved by its row, not by its hash",
        "commit contribution=1:crm:a contribution=2:crm:b contribution=3:books:a -> ok
         resolve crm:a books:a crm:b crm:c -> 1 3 2 none
         contribution 3 -> books/s:a
         contribution 4 -> none",
    ),
    (
        "reviews wait until they are closed; decisions are appended",
        "commit review=1:open review=2:open -> ok
         commit review=1:closed decide=1:ann decide=1:bob -> ok
         reviews 0 10 -> 1 2
         open-reviews 0 10 -> 2
         open-reviews 2 10 -> -
         review 1 -> Some(Time(2))
         decisions 1 -> ann bob
         commit decide=1:carl -> ok
         decisions 1 -> ann bob carl
         decisions 2 -> -",
    ),
    (
        "runs are listed newest first, flows have a default",
        "commit run=1:a run=2:b run=3:a -> ok
         commit run=1:a -> ok
         runs * 2 -> 3 2
         runs a 9 -> 3 1
         runs none 9 -> -
         flow a -> false
         commit flow=a:paused -> ok
         flow a -> true",
    ),
    (
        "audit, rows and tokens",
        "commit audit=one audit=two row=secret:a:1 row=secret:b:2 row=secrets:a:3 token=t:h -> ok
         audit 1 -> two
         audit 9 -> two one
         audit-chain 0 9 -> 1:one 2:two of2 head
         audit-chain 0 1 -> 1:one of2 more
         audit-chain 1 9 -> 2:two of2 head
         audit-chain 2 9 -> of2 head
         rows secret -> a=1 b=2
         commit row=secret:a revoke=t token=u:i token=u:j -> ok
         rows secret -> b=2
         row secrets a -> 3
         tokens -> u=j",
    ),
    (
        "a lease that a later epoch wrote under refuses the earlier one",
        "commit fence=writer:2 row=hub:x:1 -> ok
         commit fence=writer:1 row=hub:x:2 -> fenced writer
         commit fence=writer:2 row=hub:x:3 -> ok
         commit fence=writer:3 row=hub:x:4 -> ok
         commit fence=writer:2 row=hub:x:5 -> fenced writer
         row hub x -> 4",
    ),
    (
        "records are counted by entity and state",
        "commit record=1:1 record=2:1 record=3:1:company -> ok
         counts -> company/active=1 contact/active=2
         commit record=1:2:deleted -> ok
         counts -> company/active=1 contact/active=1 contact/other=1
         commit record=1:3 record=1:4:deleted -> ok
         counts -> company/active=1 contact/active=1 contact/other=1",
    ),
    (
        "active objects, and those that belong to a record, are counted by stream",
        "commit record=1:1 contribution=1:crm:x contribution=2:crm:y contribution=3:books:z contribution=4:books:w:apart -> ok
         objects -> books/s=2:1 crm/s=2:2
         commit contribution=2:crm:y:gone contribution=4:books:w -> ok
         objects -> books/s=2:2 crm/s=1:1
         commit contribution=1:crm:x:apart contribution=3:books:z:gone contribution=4:books:w:gone -> ok
         objects -> crm/s=1:0",
    ),
];

/// Runs a script, line by line.
#[track_caller]
pub(crate) fn check(name: &str, store: &dyn Store, script: &str) {
    for line in script.lines().map(str::trim) {
        let (ask, expected) = line.split_once(" -> ").unwrap();
        assert_eq!(answer(store, ask), expected, "{name}: {line}");
    }
}

pub(crate) fn store_key() -> StoreKey {
    StoreKey::new([7; 32])
}

#[test]
fn memory_conforms() {
    for (name, script) in SCRIPTS {
        check(name, &Memory::new(), script);
    }
}

#[test]
fn redb_conforms_also_after_it_was_opened_again() {
    for (name, script) in SCRIPTS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = Redb::open(&path, &store_key(), Options::default()).unwrap();
        check(name, &store, script);
        drop(store);
        // What was answered after the last commit is answered again.
        let last = script.rfind("commit ").map_or(0, |at| at + script[at..].find('\n').unwrap_or(script.len() - at));
        let queries: Vec<&str> = script[last..].lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let store = Redb::open(&path, &store_key(), Options::default()).unwrap();
        check(name, &store, &queries.join("\n"));
    }
}

#[test]
fn memory_refuses_on_demand() {
    let store = Memory::new();
    store.inject_conflict_next(2);
    let script = "commit record=1:1 -> conflict []
                  commit record=1:1 -> conflict []
                  commit record=1:1 -> ok";
    check("conflicts", &store, script);
    store.fence_next();
    check("fencing", &store, "commit fence=w:1 record=2:1 -> fenced w\n commit record=2:1 -> ok");
    store.fail_next();
    assert!(answer(&store, "commit record=3:1").starts_with("store: "));
    assert!(store.heads().is_err());
    store.reopen();
    check("failure", &store, "record 2 3 -> v1 none");
}
