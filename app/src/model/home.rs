//! What the home page of a signed-in student needs, in one value.

use super::{analytics::Standing, coach::ConversationSummary, material::Material};
use serde::{Deserialize, Serialize};

/// The student's desk as she left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Home {
    /// The conversation that was used last.
    pub last_conversation: Option<ConversationSummary>,
    /// The newest few materials.
    pub recent_materials: Vec<Material>,
    pub standing: Standing,
}
