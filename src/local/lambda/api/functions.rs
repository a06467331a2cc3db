//! Functions: create, read, list, change, delete.

use super::super::Lambda;
use super::super::error::ApiError;
use super::super::model::{Function, State, UpdateStatus};
use super::super::names::FunctionRef;
use super::request::{CodeRequest, FunctionRequest};
use super::{ApiResult, Call, answer, empty, validate};
use crate::registry::{ImageError, LocalImage};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};

/// Functions in a page of `ListFunctions`, at most.
const PAGE: usize = 50;

impl Lambda {
    pub(super) async fn create_function(&self, call: &Call) -> ApiResult {
        let mut request: FunctionRequest = call.json()?;
        let name = request.function_name.clone().unwrap_or_default();
        let name = FunctionRef::parse(&name)?.latest(None)?;
        let code = request.code.take().unwrap_or_default();
        only_images(request.package_type.as_deref(), &code)?;
        let settings = validate::new_settings(&mut request, &name)?;
        self.assumable(&settings.role)?;
        let uri = code.image_uri.unwrap_or_default();
        let tags = request.tags.take().unwrap_or_default().into_iter().collect();
        if self.inner.functions.get(&name).is_some() {
            return Err(ApiError::conflict(format!("Function already exist: {name}")));
        }
        let image = self.resolve(&uri).await?;
        let mut function = Function {
            name,
            settings,
            image_uri: String::new(),
            resolved_uri: String::new(),
            code_size: 0,
            code_sha256: String::new(),
            tags,
            revision: String::new(),
            modified_ms: 0,
            state: State::Pending,
            update: UpdateStatus::Successful,
            reserved: None,
            events: None,
            policy: Vec::new(),
            recursive_loop: "Terminate".into(),
        };
        function.set_image(&uri, &image);
        function.touch();
        let function = self.inner.functions.insert(function).await?;
        self.activate(&function.name);
        Ok(answer(StatusCode::CREATED, &function.configuration()))
    }

    /// Whether a role trusts Lambda.
    fn assumable(&self, role: &str) -> Result<(), ApiError> {
        if self.inner.config.access.is_for_lambda(role) {
            return Ok(());
        }
        Err(ApiError::invalid("The role defined for the function cannot be assumed by Lambda."))
    }

    async fn resolve(&self, uri: &str) -> Result<LocalImage, ApiError> {
        self.inner.images.resolve(uri).await.map_err(|error| match error {
            ImageError::NotFound(message) | ImageError::Rejected(message) => ApiError::invalid(message),
            ImageError::Invalid { code, reason } => ApiError::invalid(format!("{code}: {reason}")),
            ImageError::Store(message) => ApiError::service(message),
        })
    }

    pub(super) fn get_function(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let function = self.inner.functions.find(&name)?;
        let mut shown = json!({
            "Configuration": function.configuration(),
            "Code": {
                "RepositoryType": "ECR",
                "ImageUri": function.image_uri,
                "ResolvedImageUri": function.resolved_uri,
            },
        });
        if !function.tags.is_empty() {
            shown["Tags"] = json!(function.tags);
        }
        if let Some(reserved) = function.reserved {
            shown["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
        }
        Ok(answer(StatusCode::OK, &shown))
    }

    pub(super) fn get_configuration(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        Ok(answer(StatusCode::OK, &self.inner.functions.find(&name)?.configuration()))
    }

    pub(super) fn list_functions(&self, call: &Call) -> ApiResult {
        let limit = match call.query("MaxItems") {
            None => PAGE,
            Some(text) => {
                let number = text.parse().map_err(|_| {
                    ApiError::constraint(text, "maxItems", "Member must be a number between 1 and 10000")
                })?;
                usize::try_from(validate::number(number, "maxItems", 1, 10_000)?).unwrap_or(PAGE).min(PAGE)
            }
        };
        let bad = || ApiError::invalid("Invalid marker");
        let after = match call.query("Marker").filter(|marker| !marker.is_empty()) {
            None => None,
            Some(marker) => {
                let name = URL_SAFE_NO_PAD.decode(marker).map_err(|_| bad())?;
                Some(String::from_utf8(name).map_err(|_| bad())?)
            }
        };
        let (page, more) = self.inner.functions.page(after.as_deref(), limit);
        let list: Vec<Value> = page.iter().map(|function| listed(function)).collect();
        let mut shown = json!({"Functions": list});
        if let Some(last) = page.last().filter(|_| more) {
            shown["NextMarker"] = json!(URL_SAFE_NO_PAD.encode(&last.name));
        }
        Ok(answer(StatusCode::OK, &shown))
    }

    pub(super) async fn update_code(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let request: CodeRequest = call.json()?;
        let before = self.inner.functions.find(&name)?;
        only_images(None, &request)?;
        let architecture = match &request.architectures {
            Some(_) => validate::architecture(request.architectures.as_ref())?,
            None => before.settings.architecture.clone(),
        };
        let uri = request.image_uri.clone().unwrap_or_default();
        let image = self.resolve(&uri).await?;
        if request.dry_run {
            let mut shown = (*before).clone();
            shown.set_image(&uri, &image);
            return Ok(answer(StatusCode::OK, &shown.configuration()));
        }
        let changed = self.inner.functions.change(&name, |function| {
            changeable(function, request.revision_id.as_deref())?;
            function.set_image(&uri, &image);
            function.settings.architecture = architecture;
            begin_update(function);
            Ok(())
        });
        let changed = changed.await?;
        self.activate(&name);
        Ok(answer(StatusCode::OK, &changed.configuration()))
    }

    pub(super) async fn update_configuration(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let mut request: FunctionRequest = call.json()?;
        if let Some(role) = &request.role {
            self.assumable(role)?;
        }
        let changed = self.inner.functions.change(&name, |function| {
            changeable(function, request.revision_id.as_deref())?;
            function.settings =
                validate::changed_settings(&mut request, function.settings.clone(), &function.name)?;
            begin_update(function);
            Ok(())
        });
        let changed = changed.await?;
        self.activate(&name);
        Ok(answer(StatusCode::OK, &changed.configuration()))
    }

    pub(super) async fn delete_function(&self, name: &str, call: &Call) -> ApiResult {
        let reference = FunctionRef::parse(name)?;
        if reference.qualifier.as_deref() == Some("$LATEST") || call.query("Qualifier") == Some("$LATEST") {
            return Err(ApiError::invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        let name = reference.latest(call.query("Qualifier"))?;
        self.inner.functions.remove(&name).await?;
        self.inner.queue.forget(&name);
        self.inner.scheduler.remove(&name);
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

/// In lists AWS leaves the states out.
fn listed(function: &Function) -> Value {
    let mut shown = function.configuration();
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| !name.starts_with("State") && !name.starts_with("LastUpdateStatus"));
    }
    shown
}

fn only_images(package_type: Option<&str>, code: &CodeRequest) -> Result<(), ApiError> {
    let archive = code.zip_file.is_some() || code.s3_bucket.is_some() || code.s3_key.is_some();
    if archive
        || !matches!(package_type, None | Some("Image"))
        || (package_type.is_none() && code.image_uri.is_none())
    {
        return Err(ApiError::invalid(
            "The local Lambda runs container images only: use PackageType Image with Code.ImageUri (Zip is not \
             supported).",
        ));
    }
    if code.image_uri.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::invalid(
            "Please provide ImageUri when updating a function with packageType Image.",
        ));
    }
    Ok(())
}

/// Refuses a change while another is under way, or of a revision that the caller did not see.
fn changeable(function: &Function, revision: Option<&str>) -> Result<(), ApiError> {
    if revision.is_some_and(|revision| revision != function.revision) {
        return Err(ApiError::precondition());
    }
    let arn = function.arn();
    if function.state == State::Pending {
        return Err(ApiError::conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        ));
    }
    if function.update == UpdateStatus::InProgress {
        return Err(ApiError::conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )));
    }
    Ok(())
}

fn begin_update(function: &mut Function) {
    function.touch();
    function.update = UpdateStatus::InProgress;
    if matches!(function.state, State::Failed { .. }) {
        function.state = State::Pending;
    }
}
