//! Looks up the weather in a city. Replace the API by yours: its host in `http`, its key in `secret`.

use blockyard_sdk::http::Request;
use blockyard_sdk::{
    Block, Context, Example, Failure, HttpRule, Manifest, Outcome, export_block, log, ports,
    secrets,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

struct Weather;

/// How a node is configured; the host checks it by the schema that is derived from this.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Of the temperature.
    #[serde(default)]
    unit: Unit,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Celsius,
    Fahrenheit,
}

/// What comes over the edges.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Place {
    /// The city's name.
    city: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Now {
    city: String,
    temperature: f64,
    unit: Unit,
}

ports! {
    /// One of them fires.
    struct Found {
        /// The weather.
        output: Now,
        /// The input, if the API does not know the city.
        unknown: Place,
    }
}

/// What the API answers.
#[derive(Deserialize)]
struct Answer {
    celsius: f64,
}

impl Block for Weather {
    type Config = Config;
    type Input = Place;
    type Output = Found;

    fn manifest() -> Manifest {
        Manifest::new("{{type}}", env!("CARGO_PKG_VERSION"), "{{title}}")
            .description("Looks up the weather in a city.")
            .secret("weather", "The key of api.weather.example.")
            .http(HttpRule::host("api.weather.example").methods(&["GET"]).path_prefix("/v1").secrets(&["weather"]))
            .stateless()
            .example(
                Example::new("The weather in Zürich", json!({"unit": "celsius"}), json!({"city": "Zürich"}))
                    .output("output", json!({"city": "Zürich", "temperature": 21.5, "unit": "celsius"}))
                    .exchange(
                        json!({"method": "GET", "url": "https://api.weather.example/v1/current?city=Z%C3%BCrich"}),
                        json!({"status": 200, "body": {"celsius": 21.5}}),
                    ),
            )
    }

    fn execute(config: Config, place: Place, _: &Context) -> Result<Outcome<Found>, Failure> {
        if place.city.trim().is_empty() {
            return Err(Failure::invalid_input("/city", "it is empty"));
        }
        let key = secrets::get("weather")?;
        let request =
            Request::get("https://api.weather.example/v1/current").query("city", &place.city);
        let answer = request.bearer(&key).send()?;
        if answer.status() == 404 {
            log::info("unknown city", &[("city", place.city.as_str().into())]);
            return Ok(Outcome::done(Found { unknown: Some(place), ..Found::default() }));
        }
        let Answer { celsius } = answer.ok()?.json()?;
        let temperature = match config.unit {
            Unit::Celsius => celsius,
            Unit::Fahrenheit => celsius * 1.8 + 32.0,
        };
        let now = Now { city: place.city, temperature, unit: config.unit };
        Ok(Outcome::done(Found { output: Some(now), ..Found::default() }))
    }
}

export_block!(Weather);

#[cfg(test)]
mod tests {
    use super::*;
    use blockyard_sdk::http::{Placement, Response};
    use blockyard_sdk::testing::{self, Host};

    #[test]
    fn its_examples_hold() {
        testing::check_examples::<Weather>();
    }

    #[test]
    fn the_key_goes_into_the_request_as_a_bearer_token() {
        let answer = json!({"celsius": 20}).to_string();
        let host = Host::new()
            .secret("weather")
            .respond(move |_| Ok(Response::new(200, Vec::new(), answer.clone())));
        host.run::<Weather>(&json!({"unit": "fahrenheit"}), &json!({"city": "Bern"}), &json!({}))
            .unwrap();
        assert_eq!(host.sent()[0].credentials, [("weather".to_owned(), Placement::Bearer)]);
    }

    #[test]
    fn an_api_that_asks_to_slow_down_is_asked_again_later() {
        let headers = vec![("retry-after".to_owned(), "2".to_owned())];
        let host = Host::new()
            .secret("weather")
            .respond(move |_| Ok(Response::new(429, headers.clone(), Vec::new())));
        let failure =
            host.run::<Weather>(&json!({}), &json!({"city": "Bern"}), &json!({})).unwrap_err();
        assert_eq!(
            (failure.code(), failure.retry_hint().unwrap().after_ms),
            ("rate-limited", Some(2000))
        );
    }
}
