# SPDX-License-Identifier: GPL-2.0-or-later
# NFS over loopback, v3 and v4.2, whose server stops answering: clients hang in RPC calls.
modprobe nfsd
modprobe nfsv3
modprobe nfsv4
mkdir -p /srv/export /mnt/nfs3 /mnt/nfs4
mount -t tmpfs export /srv/export
echo content >/srv/export/file
echo '/srv/export *(rw,no_root_squash,no_subtree_check,fsid=1,insecure)' >/etc/exports
rpcbind -w
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs 2>/dev/null || {
    mkdir -p /run/rpc_pipefs
    mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
}
mount -t nfsd nfsd /proc/fs/nfsd
echo 10 >/proc/fs/nfsd/nfsv4gracetime
echo 10 >/proc/fs/nfsd/nfsv4leasetime
exportfs -ra
rpc.nfsd 4
rpc.mountd
timeout 60 mount -t nfs -o vers=3,nolock,tcp,mountport=0 127.0.0.1:/srv/export /mnt/nfs3 ||
    timeout 60 mount -t nfs -o vers=3,nolock,tcp 127.0.0.1:/srv/export /mnt/nfs3
timeout 60 mount -t nfs -o vers=4.2,tcp,noac 127.0.0.1:/srv/export /mnt/nfs4
cat /mnt/nfs3/file /mnt/nfs4/file >/dev/null
iptables -A INPUT -p tcp --dport 2049 -j DROP
python3 -c 'open("/mnt/nfs3/new3", "w")' &
note nfs3_client pid=$! comm=python3 state=D mount=/mnt/nfs3
stat /mnt/nfs4/not-there-yet >/dev/null 2>&1 &
note nfs4_client pid=$! comm=stat state=D mount=/mnt/nfs4
