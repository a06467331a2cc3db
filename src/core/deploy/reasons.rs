//! What to do about the codes with which Lambda says why a function cannot be used (`FunctionConfiguration`, members
//! `StateReasonCode` and `LastUpdateStatusReasonCode`).

/// What to do about a reason code; empty for a code that a newer AWS has: its own words stand beside it.
pub(super) fn explain(code: &str) -> &'static str {
    match code {
        "Creating" | "Restoring" => "It is being made ready: wait a moment.",
        "Idle" => "It was not used for weeks; the first invocation makes it ready again.",
        "DrainingDurableExecutions" => "Durable executions of it are still under way: wait for their end.",
        "ImageDeleted" => "The image is gone from its registry: deploy again.",
        "ImageAccessDenied" => {
            "Lambda may not read the image: the repository must be in the function's region, and its policy must \
             allow lambda.amazonaws.com (whoever deploys needs ecr:SetRepositoryPolicy once)."
        }
        "InvalidImage" => "The image is not accepted; the words above say which part.",
        "InvalidRuntime" | "FunctionError.RuntimeInitError" => {
            "The runtime did not start: is the image for the function's architecture?"
        }
        "FunctionError" => "The function failed while it was started; its log says why.",
        "FunctionError.InitTimeout" => "The environment took more than 10 s to start.",
        "FunctionError.InvalidEntryPoint" | "FunctionError.InvalidWorkingDirectory" => {
            "The image was changed after it was composed: deploy again."
        }
        "FunctionError.PermissionDenied" => "A file of the image cannot be read by ordinary users.",
        "FunctionError.InitResourceExhausted" => {
            "The start needs more memory or /tmp: raise `memory` or `tmp`."
        }
        "FunctionError.ExtensionInitError" | "FunctionError.TooManyExtensions" => {
            "The image brings Lambda extensions (/opt/extensions) that do not start: take them out."
        }
        "InvalidConfiguration" | "InternalError" => "Deploy again; if it stays, ask the cloud's support.",
        "DependencyError" => "A service that Lambda needs did not answer: deploy again in a while.",
        "InsufficientRolePermissions" => {
            "The function's role may do too little: `throng doctor` prints what it needs."
        }
        "ServiceQuotaExceededException"
        | "EC2RequestLimitExceeded"
        | "CapacityProviderScalingLimitExceeded"
        | "VcpuLimitExceeded" => "A quota of the account is used up: free some, or ask AWS for more.",
        "InsufficientCapacity" => "AWS has no room for it now: deploy again in a while.",
        "DisabledKMSKey" | "InvalidStateKMSKey" | "KMSKeyAccessDenied" | "KMSKeyNotFound" => {
            "The KMS key of its variables cannot be used: enable it, or allow the role to use it."
        }
        "SubnetOutOfIPAddresses"
        | "InvalidSubnet"
        | "InvalidSecurityGroup"
        | "EniLimitExceeded"
        | "DisallowedByVpcEncryptionControl" => {
            "The function's network (VPC) cannot be set up; throng sets none: somebody changed the function."
        }
        "EFSIOError" | "EFSMountConnectivityError" | "EFSMountFailure" | "EFSMountTimeout" => {
            "Its file system (EFS) cannot be mounted; throng sets none: somebody changed the function."
        }
        "InvalidZipFileException" => "It is made of a ZIP file, not of an image: throng did not make it.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::explain;
    use aws_sdk_lambda::types::{LastUpdateStatusReasonCode, StateReasonCode};

    #[test]
    fn every_code_that_the_sdk_knows_is_explained() {
        let codes = StateReasonCode::values().iter().chain(LastUpdateStatusReasonCode::values());
        let silent: Vec<_> = codes.filter(|code| explain(code).is_empty()).collect();
        assert!(silent.is_empty(), "not explained: {silent:?}");
        assert_eq!(explain("SomethingNew"), "");
    }
}
