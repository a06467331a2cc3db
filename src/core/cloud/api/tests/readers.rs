//! Whatever comes back, it is read or refused; nothing panics.

use super::super::iam::{GetRoleOutput, SimulatePrincipalPolicyOutput};
use super::super::{json, query};
use super::ROLE;
use crate::cloud::api::ecr::{DescribeRepositoriesOutput, GetAuthorizationTokenOutput};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use proptest::prelude::*;

/// Everything that a body may be read as.
fn read(body: &[u8]) {
    let _ = query::read::<GetRoleOutput>("GetRole", body);
    let _ = query::read::<SimulatePrincipalPolicyOutput>("GetRole", body);
    let _ = query::error(body);
    let _ = json::read::<DescribeRepositoriesOutput>(body);
    let _ = json::read::<GetAuthorizationTokenOutput>(body);
    let _ = json::error(None, body);
    let _ = json::error(Some("a#b:c"), body);
}

/// Text that is nearly XML.
fn like_xml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<GetRoleResponse>"),
        Just("</GetRoleResponse>"),
        Just("<GetRoleResult>"),
        Just("</GetRoleResult>"),
        Just("<Role>"),
        Just("</Role>"),
        Just("<Arn>"),
        Just("</Arn>"),
        Just("<Tags>"),
        Just("</Tags>"),
        Just("<member>"),
        Just("</member>"),
        Just("<item/>"),
        Just("<Error>"),
        Just("</Error>"),
        Just("<Code>"),
        Just("</Code>"),
        Just("<Errors>"),
        Just("</Errors>"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<!--"),
        Just("-->"),
        Just("<!DOCTYPE a [<!ENTITY b \"c\">]>"),
        Just("<?xml version=\"1.0\"?>"),
        Just("&amp;"),
        Just("&b;"),
        Just("&#x0;"),
        Just("&#1114112;"),
        Just("<a b=\"c\" b='d'/>"),
        Just("text"),
        Just(" "),
        Just("é"),
        Just("<"),
        Just(">"),
        Just("\u{feff}"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&body);
    }

    #[test]
    fn what_is_nearly_xml_is_read_or_refused(body in like_xml()) {
        read(body.as_bytes());
        read(format!("<GetRoleResponse><GetRoleResult><Role>{body}</Role></GetRoleResult></GetRoleResponse>").as_bytes());
        read(format!("<ErrorResponse><Error>{body}</Error></ErrorResponse>").as_bytes());
    }

    #[test]
    fn a_damaged_answer_is_read_or_refused(at in 0..ROLE.len(), byte in any::<u8>(), cut in 0..ROLE.len()) {
        let mut body = ROLE.as_bytes().to_vec();
        body[at] = byte;
        read(&body);
        body.truncate(cut);
        read(&body);
    }

    #[test]
    fn what_is_sent_in_a_form_arrives(key in "[A-Za-z]{1,8}", value in any::<String>()) {
        let form = query::form("A", "V", &serde_json::json!({ &key: [value.clone()] }));
        let name = format!("{key}.1");
        let pairs: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        prop_assert_eq!(&pairs[2], &(name, value));
    }
}

#[test]
fn deep_and_wide_answers_are_no_danger() {
    for open in ["<a>", "<GetRoleResponse>", "<Error>", "{\"a\":", "["] {
        read(open.repeat(20_000).as_bytes());
    }
    let nested = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    read(format!("<GetRoleResponse><GetRoleResult>{nested}</GetRoleResult></GetRoleResponse>").as_bytes());
    read(format!("<ErrorResponse><Error>{nested}<Code>{nested}</Code></Error></ErrorResponse>").as_bytes());
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><GetRoleResponse>&b;</GetRoleResponse>";
    assert!(query::read::<GetRoleOutput>("GetRole", bomb.as_bytes()).is_err());
}

#[test]
fn errors_are_found_in_each_shape() {
    let of = |refusal: super::super::service_error::ServiceError| {
        (refusal.code().map(str::to_owned), refusal.message().map(str::to_owned))
    };
    let some = |text: &str| Some(text.to_owned());
    let wrapped = b"<e:ErrorResponse xmlns:e='x'><e:Error><e:Code>A</e:Code></e:Error></e:ErrorResponse>";
    assert_eq!(of(query::error(wrapped)), (some("A"), None));
    let data =
        b"<ErrorResponse><Error><Code>A</Code><Message><![CDATA[<b> & c]]></Message></Error></ErrorResponse>";
    assert_eq!(of(query::error(data)), (some("A"), some("<b> & c")));
    assert_eq!(of(query::error(b"<ErrorResponse/>")), (None, None));
    assert_eq!(of(query::error(b"<html><Error/></html>")), (None, None));
    let both = br#"{"code": "C", "__type": "T", "Message": 5, "errorMessage": "m"}"#;
    assert_eq!(of(json::error(None, both)), (some("C"), some("m")));
    assert_eq!(of(json::error(None, b"[]")), (None, None));
    assert_eq!(of(json::error(Some("x#H:y"), b"<html>")), (some("H"), None));
}
