use super::Method::{KeyboardInteractive, Password, PublicKey};
use super::{LoginRule, LoginRuleError, Method, MethodSet, Progress};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::{select, subsequence};

#[test]
fn chains_are_done_in_their_order() {
    let rule: LoginRule = "publickey,password publickey,keyboard-interactive"
        .parse()
        .unwrap();
    assert_eq!(rule.progress(&[]), partial(&[PublicKey]));
    let next = partial(&[Password, KeyboardInteractive]);
    assert_eq!(rule.progress(&[PublicKey]), next);
    assert_eq!(rule.progress(&[PublicKey, Password]), Progress::Complete);
    assert_eq!(
        rule.progress(&[PublicKey, KeyboardInteractive]),
        Progress::Complete
    );
    assert_eq!(rule.progress(&[Password]), partial(&[PublicKey]));
    assert_eq!(rule.progress(&[Password, PublicKey]), next);
}

#[test]
fn without_a_rule_any_one_method_is_enough() {
    let rule = LoginRule::any_one();
    assert_eq!(
        rule.progress(&[]),
        Progress::Partial {
            next: MethodSet::ALL
        }
    );
    for method in Method::ALL {
        assert_eq!(rule.progress(&[method]), Progress::Complete);
    }
    assert_eq!(rule.to_string(), "publickey password keyboard-interactive");
}

#[test]
fn a14_an_account_with_codes_has_no_way_in_without_one() {
    let rule = LoginRule::any_one_with_code();
    assert_eq!(
        rule.to_string(),
        "publickey,keyboard-interactive keyboard-interactive"
    );
    let rule: LoginRule = "publickey password,publickey keyboard-interactive,password"
        .parse()
        .unwrap();
    assert_eq!(
        rule.with_code().to_string(),
        "publickey,keyboard-interactive password,publickey,keyboard-interactive \
         keyboard-interactive,password"
    );
}

#[test]
fn what_is_no_rule_is_refused() {
    use LoginRuleError::{Empty, Method, TooMany, Twice};
    for (text, expected) in [
        ("", Empty),
        (" \t", Empty),
        ("publickey,", Method(String::new())),
        (",", Method(String::new())),
        ("none", Method("none".to_owned())),
        ("PublicKey", Method("PublicKey".to_owned())),
        ("hostbased", Method("hostbased".to_owned())),
        (
            "keyboard-interactive:pam",
            Method("keyboard-interactive:pam".to_owned()),
        ),
        ("any", Method("any".to_owned())),
        ("publickey,publickey", Twice(PublicKey)),
        (&"password ".repeat(17), TooMany),
    ] {
        assert_eq!(text.parse::<LoginRule>(), Err(expected), "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_rule_reads_back(rule in rules()) {
        prop_assert_eq!(rule.to_string().parse(), Ok(rule));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(rule) = text.parse::<LoginRule>() {
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        }
    }

    /// Whoever does what is asked for gets in, within the length of the longest chain times their
    /// number, and has then done some chain in its order.
    #[test]
    fn following_what_is_asked_for_leads_in(rule in rules(), choices in vec(any::<u8>(), 64)) {
        let mut done = Vec::new();
        for choice in choices {
            match rule.progress(&done) {
                Progress::Complete => break,
                Progress::Partial { next } => {
                    prop_assert!(!next.is_empty());
                    let next: Vec<Method> = next.iter().collect();
                    done.push(next[usize::from(choice) % next.len()]);
                }
            }
        }
        prop_assert_eq!(rule.progress(&done), Progress::Complete);
        let lies_in = |chain: &Vec<Method>| {
            let mut done = done.iter();
            chain.iter().all(|method| done.any(|it| it == method))
        };
        prop_assert!(rule.0.iter().any(lies_in));
    }

    /// OpenSSH's way: lists from whose front is removed what was done.
    #[test]
    fn it_agrees_with_lists_that_are_struck_off(rule in rules(), done in vec(select(&Method::ALL[..]), 0..8)) {
        let mut lists = rule.0.clone();
        for method in &done {
            for list in &mut lists {
                if list.first() == Some(method) {
                    list.remove(0);
                }
            }
        }
        let expected = if lists.iter().any(Vec::is_empty) {
            Progress::Complete
        } else {
            Progress::Partial { next: lists.iter().map(|list| list[0]).collect() }
        };
        prop_assert_eq!(rule.progress(&done), expected);
    }

    #[test]
    fn a14_with_a_code_nothing_else_is_enough(rule in rules(), done in vec(select(&[PublicKey, Password][..]), 0..8)) {
        prop_assert!(rule.with_code().progress(&done) != Progress::Complete);
    }
}

fn rules() -> impl Strategy<Value = LoginRule> {
    let chain = Just(Method::ALL.to_vec())
        .prop_shuffle()
        .prop_flat_map(|order| subsequence(order, 1..=3));
    vec(chain, 1..6).prop_map(LoginRule)
}

fn partial(next: &[Method]) -> Progress {
    Progress::Partial {
        next: next.iter().copied().collect(),
    }
}
