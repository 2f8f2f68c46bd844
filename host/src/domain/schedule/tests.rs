//! Due times around changes of the clock, and texts that mean nothing.

use std::time::Instant;

use serde_json::json;

use super::*;

fn ms(text: &str) -> i64 {
    parse_at(&json!(text)).unwrap()
}

fn cron(expression: &str, zone: &str) -> Timing {
    Timing::of_cron(expression, zone).unwrap()
}

/// The due times in `from..until`, forwards; looked for backwards they are the same.
fn due(expression: &str, zone: &str, from: &str, until: &str) -> Vec<i64> {
    let (timing, from, until) = (cron(expression, zone), ms(from), ms(until));
    let forwards: Vec<i64> = std::iter::successors(timing.next_after(from - 1), |at| timing.next_after(*at))
        .take_while(|at| *at < until)
        .collect();
    let backwards = std::iter::successors(timing.last_before(until), |at| timing.last_before(*at));
    let mut backwards: Vec<i64> = backwards.take_while(|at| *at >= from).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards, "{expression} in {zone}");
    forwards
}

fn times(texts: &[&str]) -> Vec<i64> {
    texts.iter().map(|text| ms(text)).collect()
}

#[test]
fn a_fixed_time_is_due_once_on_the_day_the_clock_goes_forward() {
    let (from, until) = ("2027-03-27T00:00:00Z", "2027-03-29T12:00:00Z");
    assert_eq!(
        due("30 2 * * *", "Europe/Berlin", from, until),
        // Skipped, so due when the gap ends, at 03:00.
        times(&["2027-03-27T02:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]),
    );
    assert_eq!(
        due("15 2 * * *", "America/New_York", "2027-03-13T12:00:00Z", "2027-03-15T12:00:00Z"),
        times(&["2027-03-14T03:00:00-04:00", "2027-03-15T02:15:00-04:00"]),
    );
    // From 02:00 to 02:30.
    assert_eq!(
        due("10 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", "2027-10-04T00:00:00Z"),
        times(&["2027-10-03T02:30:00+11:00", "2027-10-04T02:10:00+11:00"]),
    );
    assert_eq!(
        due("45 2 * * *", "Australia/Lord_Howe", "2027-10-02T12:00:00Z", "2027-10-03T12:00:00Z"),
        times(&["2027-10-03T02:45:00+11:00"]),
    );
}

#[test]
fn a_fixed_time_is_due_once_on_the_day_the_clock_goes_back() {
    assert_eq!(
        due("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", "2027-11-01T12:00:00Z"),
        times(&["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"]),
    );
    assert_eq!(
        due("30 1 * * *", "America/New_York", "2027-11-06T12:00:00Z", "2027-11-08T12:00:00Z"),
        times(&["2027-11-07T01:30:00-04:00", "2027-11-08T01:30:00-05:00"]),
    );
    // From 02:00 back to 01:30.
    assert_eq!(
        due("45 1 * * *", "Australia/Lord_Howe", "2027-04-03T00:00:00Z", "2027-04-05T00:00:00Z"),
        times(&["2027-04-04T01:45:00+11:00", "2027-04-05T01:45:00+10:30"]),
    );
}

#[test]
fn intervals_go_by_the_clock_on_the_wall() {
    // Forward: nothing between 02:00 and 03:00, which are the same moment.
    assert_eq!(
        due("*/15 * * * *", "Europe/Berlin", "2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z"),
        times(&["2027-03-28T00:30:00Z", "2027-03-28T00:45:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:15:00Z"]),
    );
    // Back: each quarter of both hours.
    for (zone, from, until, count) in [
        ("Europe/Berlin", "2027-10-31T00:00:00Z", "2027-10-31T02:00:00Z", 8),
        ("America/New_York", "2027-11-07T05:00:00Z", "2027-11-07T07:00:00Z", 8),
        ("Australia/Lord_Howe", "2027-04-03T14:00:00Z", "2027-04-03T16:00:00Z", 8),
        ("Australia/Lord_Howe", "2027-10-02T14:00:00Z", "2027-10-02T16:00:00Z", 8),
    ] {
        let due = due("*/15 * * * *", zone, from, until);
        assert_eq!(due.len(), count, "{zone}");
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == 900_000), "{zone}: {due:?}");
    }
    // Of lists each time counts for itself.
    assert_eq!(
        due("30 2,14 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", "2027-03-29T00:00:00Z"),
        times(&["2027-03-28T14:30:00+02:00"]),
    );
    assert_eq!(
        due("30 2,14 * * *", "Europe/Berlin", "2027-10-31T00:00:00Z", "2027-11-01T00:00:00Z"),
        times(&["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00", "2027-10-31T14:30:00+01:00"]),
    );
}

#[test]
fn six_fields_begin_with_seconds_and_times_are_whole_seconds() {
    let every_ten = cron("*/10 * * * * *", "UTC");
    assert_eq!(every_ten.next_after(1_000_000_000_000), Some(1_000_000_010_000));
    assert_eq!(every_ten.next_after(1_000_000_009_999), Some(1_000_000_010_000));
    assert_eq!(every_ten.next_after(1_000_000_000_001), Some(1_000_000_010_000));
    assert_eq!(every_ten.last_before(1_000_000_010_000), Some(1_000_000_000_000));
    assert_eq!(every_ten.last_before(1_000_000_010_001), Some(1_000_000_010_000));
    let once = Timing::At(5);
    assert_eq!((once.next_after(4), once.next_after(5), once.last_before(5)), (Some(5), None, None));
    assert_eq!(once.last_before(6), Some(5));
}

#[test]
fn extremes_are_no_due_times_and_no_panic() {
    for timing in [cron("* * * * *", "Asia/Kathmandu"), cron("0 0 29 2 *", "Pacific/Apia"), Timing::At(0)] {
        for at in [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            assert!(timing.next_after(at).is_none_or(|next| next > at));
            assert!(timing.last_before(at).is_none_or(|last| last < at));
        }
    }
    assert_eq!(cron("0 0 29 2 *", "UTC").next_after(ms("2027-01-01T00:00:00Z")), Some(ms("2028-02-29T00:00:00Z")));
}

#[test]
fn what_is_never_due_is_found_out_soon() {
    let started = Instant::now();
    for never in ["0 0 31 2 *", "* * * 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30 2 +MON", "59 59 23 30 2 *"] {
        match parse_cron(never) {
            Ok(_) => assert_eq!(cron(never, "America/New_York").next_after(0), None, "{never}"),
            Err(message) => assert!(!message.is_empty()),
        }
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn odd_crons_are_refused() {
    let huge = "*".repeat(100_000);
    let long = format!("{} * * * *", ["1"; 150].join(","));
    for text in [
        "",
        " ",
        "* * * *",
        "* * * * * * *",
        "* * * * * 2027",
        "@daily",
        "@daily * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "*/0 * * * *",
        "5-1-2 * * * *",
        "a b c d e",
        "* * * * mön",
        "* * * * \u{0}",
        "*\u{a0}*\u{a0}*\u{a0}*\u{a0}*",
        "-1 * * * *",
        "1e3 * * * *",
        "*/99999999999999999999 * * * *",
        "\t* * * * *",
        "* * * * 8",
        "* * * * 1#9",
        "💥 * * * *",
        "1/ * * * *",
        "# # # # #",
        "+ + + + +",
        "L L L L L",
        &huge,
        &long,
    ] {
        let shown: String = text.chars().take(40).collect();
        assert!(parse_cron(text).is_err(), "{shown}");
    }
    for text in
        ["* * * * *", " 0  9 * * MON-FRI ", "0 0 1 JAN *", "0 0 L * *", "0 0 * * 5#2", "0,30 9-17/2 ? * 1", "* * * * 7"]
    {
        assert!(parse_cron(text).is_ok(), "{text}");
    }
}

/// Whatever its characters are, a cron is read or refused, and its due times go up.
#[test]
fn no_text_makes_a_cron_panic() {
    const PARTS: [&str; 20] =
        ["*", "/", ",", "-", "?", "L", "W", "#", "+", "0", "1", "7", "31", "59", "99", "MON", "feb", "2", "5", "15"];
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut read = 0;
    for _ in 0..4000 {
        let field = |next: &mut dyn FnMut(usize) -> usize| (0..=next(3)).map(|_| PARTS[next(20)]).collect::<String>();
        let fields: Vec<String> =
            (0..5 + next(2)).map(|_| if next(2) == 0 { "*".to_owned() } else { field(&mut next) }).collect();
        if let Ok(timing) = Timing::of_cron(&fields.join(" "), "Europe/Berlin") {
            let first = timing.next_after(1_800_000_000_000);
            assert!(first.is_none_or(|first| timing.next_after(first).is_none_or(|second| second > first)));
            read += 1;
        }
    }
    assert!(read > 50, "{read}");
}

#[test]
fn zones_are_names_and_nothing_else() {
    for name in ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"] {
        assert!(parse_zone(name).is_ok(), "{name}");
    }
    let huge = "x".repeat(1_000_000);
    for name in [
        "",
        "utc/",
        "../../etc/passwd",
        "Europe/../Europe/Berlin",
        "/etc/localtime",
        "Europe/Berlin\0",
        "+02:00",
        &huge,
    ] {
        let message = parse_zone(name).unwrap_err();
        assert!(message.len() < 400);
    }
}

#[test]
fn moments_are_numbers_or_text() {
    assert_eq!(parse_at(&json!(1_800_000_000_000_i64)), Ok(1_800_000_000_000));
    assert_eq!(parse_at(&json!("2027-01-15T08:00:00Z")), Ok(1_800_000_000_000));
    assert_eq!(parse_at(&json!("2027-01-15T09:00:00.5+01:00")), Ok(1_800_000_000_500));
    let odd =
        [json!(-1), json!(1.5), json!(i64::MAX), json!(u64::MAX), json!("tomorrow"), json!("2027-01-15"), json!([1])];
    for value in [json!(true), json!(""), json!("99999-01-01T00:00:00Z"), json!(null)].iter().chain(&odd) {
        assert!(parse_at(value).is_err(), "{value}");
    }
}

#[test]
fn policies_keep_their_names() {
    for policy in [CatchUp::Skip, CatchUp::One, CatchUp::All] {
        assert_eq!((CatchUp::from_name(policy.as_str()), json!(policy)), (Some(policy), json!(policy.as_str())));
    }
    for policy in [Overlap::Allow, Overlap::Skip, Overlap::Queue] {
        assert_eq!((Overlap::from_name(policy.as_str()), json!(policy)), (Some(policy), json!(policy.as_str())));
    }
    assert_eq!((CatchUp::from_name("ONE"), Overlap::from_name("")), (None, None));
}
