//! What people call columns: words of headings in English, German, French, Spanish, Dutch and Italian. Data, and nothing else.

use super::Kind;

/// Words of headings, in the order in which they are looked for: a heading that has one of them, or is one of them with its words
/// written together (`USt-IdNr.` is `ustidnr`).
pub(super) const HEADINGS: &[(Kind, &[&str])] = &[
    (
        Kind::Ignored,
        &[
            "updated modified created changed timestamp notes note comment comments",
            "geändert geaendert erstellt angelegt aktualisiert zeitstempel notiz notizen bemerkung bemerkungen kommentar anmerkung",
            "modifié modifie créé cree remarque remarques commentaire commentaires",
            "modificado creado actualizado nota notas comentario comentarios observaciones",
            "gewijzigd aangemaakt bijgewerkt opmerking opmerkingen notitie notities",
            "modificato creato aggiornato commento commenti",
        ],
    ),
    (
        Kind::Email,
        &[
            "email mail emailaddress",
            "emailadresse mailadresse",
            "courriel mél",
            "correo correoelectronico",
            "emailadres",
            "postaelettronica",
        ],
    ),
    (
        Kind::Mobile,
        &[
            "mobile cell mobilephone cellphone mobilenumber",
            "mobil handy mobiltelefon mobilnummer handynummer mobilfunk",
            "portable gsm",
            "movil móvil celular",
            "mobiel mobielnummer",
            "cellulare telefonino",
        ],
    ),
    (
        Kind::Phone,
        &[
            "phone telephone tel fax phonenumber landline phones",
            "telefon telefonnummer telefonnr telnr rufnummer fon telefax faxnummer festnetz",
            "téléphone télécopie",
            "telefono teléfono",
            "telefoon telefoonnummer",
        ],
    ),
    (
        Kind::Date,
        &[
            "birth dob birthdate birthday born date",
            "geburtsdatum geburtstag geboren datum",
            "naissance",
            "nacimiento fecha",
            "geboortedatum",
            "nascita",
        ],
    ),
    (
        Kind::Identifier,
        &[
            "soc ssn sin vat tax passport iban isbn ean gtin upc sku duns nin license licence insurance taxid vatid vatno gln eori",
            "ust ustid ustidnr umsatzsteuer steuernummer steuernr handelsregister hrb sozialversicherungsnummer reisepass",
            "tva siret siren passeport",
            "iva nif cif dni pasaporte",
            "btw btwnummer kvk bsn paspoort",
            "piva partitaiva codicefiscale passaporto",
        ],
    ),
    (
        Kind::Postal,
        &[
            "zip zipcode postcode postal postalcode",
            "plz postleitzahl",
            "codepostal",
            "codigopostal códigopostal",
            "codicepostale",
        ],
    ),
    (Kind::House, &["house housenumber streetnumber", "hausnr hausnummer", "huisnummer huisnr", "civico numerocivico"]),
    (
        Kind::Street,
        &[
            "street address addr road address1 address2",
            "strasse straße adresse anschrift",
            "rue",
            "calle direccion dirección domicilio",
            "straat straatnaam adres",
            "indirizzo",
        ],
    ),
    (
        Kind::City,
        &[
            "city town suburb locality place municipality",
            "ort stadt wohnort gemeinde",
            "ville commune",
            "ciudad localidad poblacion población municipio",
            "plaats woonplaats stad gemeente",
            "città citta comune",
        ],
    ),
    (
        Kind::Region,
        &[
            "region state province county",
            "bundesland kanton",
            "département departement canton",
            "provincia",
            "provincie",
            "regione",
        ],
    ),
    (Kind::Country, &["country nation", "land staat", "pays", "pais país", "paese nazione"]),
    (Kind::Given, &["given first firstname fname forename givenname christian", "vorname rufname", "prenom prénom", "voornaam"]),
    (
        Kind::Surname,
        &[
            "surname last lastname lname family familyname maiden",
            "nachname familienname zuname",
            "famille",
            "apellido apellidos",
            "achternaam",
            "cognome",
        ],
    ),
    (
        Kind::Company,
        &[
            "company organisation organization employer firm business manufacturer brand vendor companyname",
            "firma firmenname firmenbezeichnung unternehmen gesellschaft arbeitgeber hersteller marke",
            "société societe entreprise raisonsociale employeur fabricant marque",
            "empresa razonsocial razónsocial fabricante marca",
            "bedrijf bedrijfsnaam onderneming werkgever fabrikant merk",
            "azienda ditta ragionesociale società societa",
        ],
    ),
    (Kind::Name, &["fullname name", "nomcomplet", "nombrecompleto", "naam", "nomecompleto"]),
    (
        Kind::Text,
        &[
            "title description authors author venue product album artist journal",
            "beschreibung autor produkt",
            "auteur produit",
            "descripcion descripción producto",
            "beschrijving",
            "descrizione autore prodotto",
        ],
    ),
];

/// Headings that are one of these and nothing else: within others these words are something else.
pub(super) const WHOLE: &[(Kind, &str)] = &[
    (Kind::Phone, PHONE),
    (Kind::Mobile, "mob"),
    (Kind::Date, "geb"),
    (Kind::Postal, "cp cap"),
    (Kind::Street, "str via"),
    (Kind::Name, "nom nombre nome"),
];

/// A telephone, and what is measured of soils and waters: what is in the column tells.
pub(super) const PHONE: &str = "ph";

/// Of birth, in a heading that is about a place.
pub(super) const BORN: [&str; 6] = ["birth", "born", "naissance", "nacimiento", "geboorte", "nascita"];

/// Words of a heading that is about a place.
pub(super) const PLACES: [&str; 10] =
    ["place", "city", "town", "country", "state", "location", "lieu", "lugar", "plaats", "luogo"];

/// Places of birth in one word.
pub(super) const BIRTHPLACES: [&str; 3] = ["birthplace", "geburtsort", "geboorteplaats"];
