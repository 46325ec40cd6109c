//! What the home page of a signed-in student shows, in ready words. It never leaves the server,
//! which renders the page from it.

/// The student's desk as she left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// No document and no conversation yet.
    pub is_new: bool,
    /// Days, frozen days not counted.
    pub streak_days: u32,
    /// Today already counts for the streak.
    pub streak_safe_today: bool,
    pub xp_today: u32,
    /// From 1.
    pub level: u32,
    /// XP that are missing to the next level.
    pub xp_to_next_level: u32,
    /// Where to go on: the last conversation, or a new one.
    pub go_on: GoOn,
    /// The newest few materials.
    pub recent: Vec<RecentMaterial>,
}

/// The invitation back to the coach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoOn {
    pub href: String,
    /// The line above the title.
    pub kicker: String,
    pub title: String,
}

/// A line of the recent documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentMaterial {
    pub href: String,
    pub title: String,
    /// One word for style sheets and tests.
    pub stage: String,
    /// Where it stands, in words.
    pub state: String,
    /// Pages, size and day of upload.
    pub facts: String,
}
