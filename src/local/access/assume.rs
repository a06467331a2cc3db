//! Who may become a role.

use super::{Access, Caller, Needs, Refusal, known};
use crate::policy::{Decision, Who};

/// The service that runs functions.
const LAMBDA: &str = "lambda.amazonaws.com";

impl Access {
    /// Whether a caller may become a role, as its trust policy and their own policies say. `needs` is `sts:AssumeRole` on it.
    ///
    /// # Errors
    /// [`Refusal`], in AWS's words.
    pub fn check_assume(&self, caller: &Caller, needs: &Needs) -> Result<(), Refusal> {
        let (Caller::Role(own), Some(trust)) = (caller, self.roles.trust(&needs.resource)) else {
            return Err(Refusal::new(caller, needs, Decision::NotTrusted));
        };
        let (context, arn) = (self.context(own, needs), caller.arn());
        let who = Who::Role { role: &own.role, session: &arn };
        match self.policies(own).decide_assume(&trust, &who, &needs.resource, &context) {
            Decision::Allowed => Ok(()),
            decision => Err(Refusal::new(caller, needs, decision)),
        }
    }

    /// Whether Lambda may run functions as a role. One that nobody has made is that of a function of an older throng.
    #[must_use]
    pub fn is_for_lambda(&self, role: &str) -> bool {
        let mut context = known();
        context.set("aws:PrincipalIsAWSService", "true");
        self.roles.trust(role).is_none_or(|trust| trust.lets_in_service(LAMBDA, &context))
    }
}
