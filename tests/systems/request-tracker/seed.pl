# Makes the user `hub` with every right and an API token, and prints the token. Run once, on a fresh database.
use strict;
use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT -init;

my $user = RT::User->new( RT->SystemUser );
my ( $ok, $message ) = $user->Create( Name => 'hub', EmailAddress => 'hub@example.test', Privileged => 1 );
die "the user: $message\n" unless $ok;
my $principal = RT::Principal->new( RT->SystemUser );
$principal->Load( $user->PrincipalId );
( $ok, $message ) = $principal->GrantRight( Right => 'SuperUser', Object => RT->System );
die "the right: $message\n" unless $ok;
my $token = RT::AuthToken->new( RT->SystemUser );
( $ok, $message, my $text ) = $token->Create( Owner => $user->Id, Description => 'hub' );
die "the token: $message\n" unless $ok;
print "$text\n";
