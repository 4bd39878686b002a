/* What the program really did, for tests to compare with: one line in JITNESS_SIM_REPORT. */
#include "tests/sim/drv.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((destructor)) static void report_write(void)
{
	char line[768];
	int fd, n;

	if (!sim_knobs.report || !drv_state_was_started())
		return;
	n = snprintf(line, sizeof(line),
		     "{\"library\":\"libcuda\",\"device\":\"simulated device\",\"pid\":%d,"
		     "\"forked\":%s,\"injections\":%llu,\"launches\":%llu,\"node_runs\":%llu,"
		     "\"graph_launches\":%llu,\"memcpys\":%llu,\"memsets\":%llu,"
		     "\"module_loads\":%llu,\"driver_calls_in_resource_callback\":%llu}\n",
		     (int)getpid(), drv_link.was_forked() ? "true" : "false",
		     (unsigned long long)atomic_load(&drv_link.injections),
		     (unsigned long long)atomic_load(&drv_link.launches),
		     (unsigned long long)atomic_load(&drv_link.node_runs),
		     (unsigned long long)atomic_load(&drv_link.graph_launches),
		     (unsigned long long)atomic_load(&drv_link.memcpys),
		     (unsigned long long)atomic_load(&drv_link.memsets),
		     (unsigned long long)atomic_load(&drv_link.module_loads),
		     (unsigned long long)
			     atomic_load(&drv_link.driver_calls_in_resource_callback));
	fd = open(sim_knobs.report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	(void)!write(fd, line, (size_t)n);
	close(fd);
}
