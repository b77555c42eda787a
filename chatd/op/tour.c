#include "chatd/op/tour.h"

#include "lib/base/list.h"

static void tour_home(struct mail *mail)
{
	struct tour *tour = CONTAINER_OF(mail, struct tour, mail);
	tour->done(tour);
}

static void tour_stop(struct mail *mail)
{
	struct tour *tour = CONTAINER_OF(mail, struct tour, mail);
	struct services *here = tour->from->peers[tour->next];
	tour->visit(here, tour);
	tour->next++;
	bool last = tour->next == tour->from->worker_count;
	mailbox_post(last ? services_mailbox(tour->from) : here->boxes[tour->next], &tour->mail,
		last ? tour_home : tour_stop);
}

void tour_start(struct services *sv, struct tour *tour,
	void (*visit)(struct services *sv, struct tour *tour), void (*done)(struct tour *tour))
{
	tour->from = sv;
	tour->next = 0;
	tour->visit = visit;
	tour->done = done;
	mailbox_post(sv->boxes[0], &tour->mail, tour_stop);
}
