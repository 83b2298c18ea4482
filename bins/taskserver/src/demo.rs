//! A simulated platform: people come and go, so that the figures of a demonstration move.
//!
//! A task plays the platform's part: at every run a few people join and leave instances and channels, instances open and close,
//! and the rows of the platform's tables change as the platform would change them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use taskserver_core::{App, Method, Service, ServiceError, ServiceHandle, Task, TaskConfig, TaskContext, TaskError};
use taskserver_queue::Queue;
use taskserver_store::{Store, TableService, platform_services};

use crate::queue::LogMessage;

const LOCATIONS: [(&str, &str); 6] = [
    ("Lobby", "scene-lobby"),
    ("Plaza", "scene-plaza"),
    ("Theatre", "scene-theatre"),
    ("Gallery", "scene-gallery"),
    ("Gallery upstairs", "scene-gallery"),
    ("Rooftop", "scene-rooftop"),
];
/// People who are known when the demonstration begins.
const FIRST_USERS: usize = 25;
const MOST_INSTANCES: usize = 8;
const MOST_CHANNELS: usize = 4;
const MOST_PEOPLE_PER_PLACE: usize = 12;

/// The task that plays the platform.
pub(crate) struct Simulation {
    tables: Tables,
    queue: Queue,
    world: Mutex<World>,
}

struct Tables {
    user: ServiceHandle,
    location: ServiceHandle,
    instance: ServiceHandle,
    channel: ServiceHandle,
    attendance: ServiceHandle,
}

/// What is open at the moment. Only the task looks at it, a run at a time.
#[derive(Default)]
struct World {
    users: Vec<String>,
    locations: Vec<String>,
    places: Vec<Place>,
}

/// An instance or a channel, with the attendances of those who are there.
struct Place {
    id: String,
    is_channel: bool,
    attendances: Vec<String>,
}

impl Simulation {
    pub(crate) fn new(store: &Store, queue: &Queue) -> Self {
        let platform = platform_services(store).into_iter().fold(App::builder(), |platform, (path, service)| {
            let writable = TableService::new(store.clone(), path, service.schema().clone(), &Method::ALL);
            platform.service(path, writable)
        });
        let platform = platform.build().expect("the platform's services have names of their own");
        let tables = Tables {
            user: platform.service("user"),
            location: platform.service("location"),
            instance: platform.service("instance"),
            channel: platform.service("channel"),
            attendance: platform.service("instance-attendance"),
        };
        Self { tables, queue: queue.clone(), world: Mutex::default() }
    }
}

impl Task for Simulation {
    type Output = ();

    fn name(&self) -> &str {
        "demo-platform"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(1))
    }

    async fn run(&self, _: &TaskContext) -> Result<(), TaskError> {
        let mut world = std::mem::take(&mut *self.world.lock().unwrap_or_else(PoisonError::into_inner));
        let before = world.users.len();
        let result = self.tables.step(&mut world).await;
        let known = world.users.len();
        *self.world.lock().unwrap_or_else(PoisonError::into_inner) = world;
        result?;
        // Each newcomer is greeted by a job.
        for number in before.max(FIRST_USERS)..known {
            self.queue.enqueue(&LogMessage { message: format!("Welcome, Guest {}", number + 1) }).await?;
        }
        Ok(())
    }
}

async fn create(table: &ServiceHandle, data: Value) -> Result<String, ServiceError> {
    let record = table.create(data).await?;
    Ok(record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn end(table: &ServiceHandle, id: &str) -> Result<(), ServiceError> {
    table.patch(id, json!({"ended": true})).await.map(|_| ())
}

impl Tables {
    async fn step(&self, world: &mut World) -> Result<(), ServiceError> {
        if world.locations.is_empty() {
            for (name, scene) in LOCATIONS {
                let slug = name.to_lowercase().replace(' ', "-");
                let data = json!({
                    "name": name, "slugifiedName": slug, "sceneId": scene, "isLobby": name == "Lobby",
                    "isFeatured": false, "maxUsersPerInstance": MOST_PEOPLE_PER_PLACE
                });
                world.locations.push(create(&self.location, data).await?);
            }
            for _ in 0..FIRST_USERS {
                self.new_user(world).await?;
            }
        }
        if fastrand::u8(..8) == 0 {
            self.new_user(world).await?;
        }
        self.open_and_close(world).await?;
        self.come_and_go(world).await
    }

    async fn new_user(&self, world: &mut World) -> Result<(), ServiceError> {
        let number = world.users.len() + 1;
        let data = json!({"name": format!("Guest {number}"), "isGuest": true, "inviteCode": format!("demo-{number}")});
        world.users.push(create(&self.user, data).await?);
        Ok(())
    }

    async fn open_and_close(&self, world: &mut World) -> Result<(), ServiceError> {
        for is_channel in [false, true] {
            let most = if is_channel { MOST_CHANNELS } else { MOST_INSTANCES };
            let open = world.places.iter().filter(|place| place.is_channel == is_channel).count();
            if open < most && (open == 0 || fastrand::u8(..6) == 0) {
                let id = match is_channel {
                    true => create(&self.channel, json!({"name": "voice"})).await?,
                    false => {
                        let location = fastrand::choice(&world.locations);
                        create(&self.instance, json!({"roomCode": "DEMO", "locationId": location, "ended": false}))
                            .await?
                    }
                };
                world.places.push(Place { id, is_channel, attendances: Vec::new() });
            }
        }
        let deserted = world.places.iter().position(|place| place.attendances.is_empty() && fastrand::u8(..10) == 0);
        if let Some(place) = deserted.map(|position| world.places.swap_remove(position)) {
            match place.is_channel {
                true => self.channel.remove(&place.id).await.map(|_| ())?,
                false => end(&self.instance, &place.id).await?,
            }
        }
        Ok(())
    }

    async fn come_and_go(&self, world: &mut World) -> Result<(), ServiceError> {
        let World { users, places, .. } = world;
        for place in places {
            if place.attendances.len() < MOST_PEOPLE_PER_PLACE && fastrand::u8(..3) == 0 {
                let instance = (!place.is_channel).then_some(&place.id);
                let data = json!({
                    "userId": fastrand::choice(users.iter()), "instanceId": instance,
                    "isChannel": place.is_channel, "ended": false
                });
                place.attendances.push(create(&self.attendance, data).await?);
            }
            if !place.attendances.is_empty() && fastrand::u8(..4) == 0 {
                let leaves = place.attendances.swap_remove(fastrand::usize(..place.attendances.len()));
                end(&self.attendance, &leaves).await?;
            }
        }
        Ok(())
    }
}
