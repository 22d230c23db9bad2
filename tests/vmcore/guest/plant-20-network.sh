# SPDX-License-Identifier: GPL-2.0-or-later
# Interfaces, routes and neighbours; a network and a mount namespace of their own.
ip link set lo up
modprobe dummy numdummies=0
modprobe bridge
modprobe veth
ip link add dummy0 type dummy
ip address add 192.0.2.1/24 dev dummy0
ip -6 address add 2001:db8::1/64 dev dummy0 nodad
ip link set dummy0 up mtu 1400
ip link add br0 type bridge
ip link add veth0 type veth peer name veth1
ip link set veth0 master br0
ip link set veth0 up
ip link set veth1 up
ip link set br0 up
ip address add 198.51.100.1/24 dev br0
ip route add 203.0.113.0/24 via 192.0.2.254 dev dummy0 metric 50
ip route add blackhole 203.0.113.128/25
ip -6 route add 2001:db8:1::/48 via 2001:db8::fe dev dummy0
ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev dummy0 nud permanent
ip -6 neigh add 2001:db8::fe lladdr 02:00:00:00:00:ff dev dummy0 nud permanent
ip rule add from 192.0.2.77 table 100
ip route add default via 192.0.2.254 dev dummy0 table 100

unshare -n sh -c 'ip link set lo up; ip link add inner0 type dummy; ip link set inner0 up
    ip address add 10.9.9.9/32 dev inner0; exec sleep 1000001' &
note net_namespace pid=$! comm=sleep interface=inner0 address=10.9.9.9
mkdir -p /mnt/inner
unshare -m sh -c 'mount -t tmpfs inner /mnt/inner; exec sleep 1000002' &
note mount_namespace pid=$! comm=sleep mount=/mnt/inner
unshare -p -f --mount-proc sleep 1000003 &
note pid_namespace_parent pid=$! comm=unshare
unshare -u sh -c 'hostname other-host; exec sleep 1000004' &
note uts_namespace pid=$! comm=sleep hostname=other-host
