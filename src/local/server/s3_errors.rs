//! Completes error documents of S3: words for codes that came without, and the ids of the request.

use crate::protocol::RequestIds;

/// Words of AWS for codes that the protocol crate leaves without.
fn words(code: &str) -> Option<&'static str> {
    Some(match code {
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method."
        }
        "InvalidBucketName" => "The specified bucket is not valid.",
        "KeyTooLongError" => "Your key is too long",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MaxMessageLengthExceeded" => "Your request was too big.",
        "NotImplemented" => {
            "A header or a query you provided implies functionality that the local cloud does not have."
        }
        _ => return None,
    })
}

/// The document with words and ids; as it is when it is not an error document.
#[must_use]
pub fn complete(document: &str, ids: &RequestIds) -> String {
    let Some((head, tail)) = document.rsplit_once("</Error>") else { return document.to_owned() };
    let mut whole = head.to_owned();
    if !head.contains("<Message>") {
        let code = head.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        if let Some(words) = code.and_then(|(code, _)| words(code)) {
            whole.push_str("<Message>");
            whole.push_str(&words.replace('\'', "&apos;"));
            whole.push_str("</Message>");
        }
    }
    if !head.contains("<RequestId>") {
        whole.push_str("<RequestId>");
        whole.push_str(&ids.request_id);
        whole.push_str("</RequestId>");
    }
    whole.push_str("<HostId>");
    whole.push_str(&ids.host_id);
    whole.push_str("</HostId></Error>");
    whole.push_str(tail);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_gets_words_and_ids() {
        let ids = RequestIds { request_id: "R".into(), host_id: "H".into() };
        assert_eq!(
            complete("<?xml?><Error><Code>InvalidBucketName</Code></Error>", &ids),
            "<?xml?><Error><Code>InvalidBucketName</Code><Message>The specified bucket is not valid.</Message>\
             <RequestId>R</RequestId><HostId>H</HostId></Error>"
        );
        assert_eq!(complete("<List/>", &ids), "<List/>");
    }
}
