# Who is on a list, and changes by hand, through Sympa's own library and not over SOAP:
# people.pl members LIST | add LIST ADDRESS NAME | rename LIST ADDRESS NAME | remove LIST ADDRESS. SYMPA_CONFIG says which Sympa.
use strict;
use warnings;
use lib '/usr/share/sympa/lib';
use Conf;
use Sympa::DatabaseManager;
use Sympa::List;
use Sympa::Log;

my ( $what, $name, $email, $gecos ) = @ARGV;
Conf::load() or die "the configuration cannot be read\n";
Sympa::Log->instance->{level} = 0;
my $list = Sympa::List->new( $name, $Conf::Conf{'domain'} ) or die "there is no list $name\n";
if ( $what eq 'members' ) {
    for ( my $one = $list->get_first_list_member( { sortby => 'email' } ); $one; $one = $list->get_next_list_member() ) {
        print $one->{email}, "\t", $one->{gecos} // '', "\n";
    }
}
elsif ( $what eq 'add' )    { $list->add_list_member( { email => $email, gecos => $gecos, date => time, update_date => time } ) or die "not added\n" }
elsif ( $what eq 'rename' ) { $list->update_list_member( $email, gecos => $gecos, update_date => time ) or die "not renamed\n" }
elsif ( $what eq 'remove' ) { $list->delete_list_member( [$email] ); }
else                        { die "members, add, rename or remove\n" }
