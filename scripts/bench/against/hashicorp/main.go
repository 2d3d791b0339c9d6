// A replicated map on hashicorp/raft with its BoltDB log store, for comparison: every put is in the
// logs of a majority, synced, before it is answered, and a get asks a majority first whether this
// node still leads.
//
// Requests are frames, all numbers little endian: u32 length of what follows, u8 operation (1 put,
// 2 get, 3 status), u32 id, u16 length of the key, the key, the value. Answers: u32 length of what
// follows, u8 status (0 is success), u32 id, and for a get the value, for a status u8 "leads" and
// u64 applied index.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"
)

const (
	opPut    = 1
	opGet    = 2
	opStatus = 3

	statusOK     = 0
	statusFailed = 1

	bufferBytes = 1 << 20
	// How many answers of one connection may wait; more make it read no further.
	answersMax = 1 << 16
	// The most that the library allows.
	appendEntriesMax = 1024
	logCacheEntries  = 16384
	never            = 1 << 40
)

// store is the replicated map.
type store struct {
	mutex  sync.RWMutex
	values map[string][]byte
}

func (s *store) get(key string) []byte {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.values[key]
}

// Apply takes a command: u16 length of the key, the key, the value.
func (s *store) Apply(entry *raft.Log) interface{} {
	return s.ApplyBatch([]*raft.Log{entry})[0]
}

// ApplyBatch takes commands that were committed together.
func (s *store) ApplyBatch(entries []*raft.Log) []interface{} {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, entry := range entries {
		if entry.Type == raft.LogCommand {
			keyLength := int(binary.LittleEndian.Uint16(entry.Data))
			s.values[string(entry.Data[2:2+keyLength])] = entry.Data[2+keyLength:]
		}
	}
	return make([]interface{}, len(entries))
}

// Snapshot copies the map; the values are never written to again.
func (s *store) Snapshot() (raft.FSMSnapshot, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	values := make(map[string][]byte, len(s.values))
	for key, value := range s.values {
		values[key] = value
	}
	return snapshot(values), nil
}

// Restore reads what Persist has written.
func (s *store) Restore(source io.ReadCloser) error {
	defer source.Close()
	values := map[string][]byte{}
	reader := bufio.NewReaderSize(source, bufferBytes)
	for {
		key, err := readBytes(reader)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		value, err := readBytes(reader)
		if err != nil {
			return err
		}
		values[string(key)] = value
	}
	s.mutex.Lock()
	s.values = values
	s.mutex.Unlock()
	return nil
}

type snapshot map[string][]byte

func (s snapshot) Persist(sink raft.SnapshotSink) error {
	writer := bufio.NewWriterSize(sink, bufferBytes)
	for key, value := range s {
		writeBytes(writer, []byte(key))
		writeBytes(writer, value)
	}
	if err := writer.Flush(); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

func (s snapshot) Release() {}

func writeBytes(writer *bufio.Writer, bytes []byte) {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(bytes)))
	writer.Write(length[:])
	writer.Write(bytes)
}

func readBytes(reader io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(reader, length[:]); err != nil {
		return nil, err
	}
	bytes := make([]byte, binary.LittleEndian.Uint32(length[:]))
	_, err := io.ReadFull(reader, bytes)
	return bytes, err
}

type answer struct {
	id      uint32
	status  byte
	payload []byte
}

type server struct {
	raft  *raft.Raft
	store *store
}

// serve reads the requests of a connection. Each waits in a goroutine of its own, as the library
// means it: it takes commands one by one from whoever waits to hand one over, and makes batches of
// those that it finds waiting.
func (s *server) serve(connection net.Conn) {
	answers := make(chan answer, answersMax)
	go respond(connection, answers)
	waiting := &sync.WaitGroup{}
	reader := bufio.NewReaderSize(connection, bufferBytes)
	for {
		frame, err := readBytes(reader)
		if err != nil || len(frame) < 7 {
			break
		}
		waiting.Add(1)
		go func() {
			id := binary.LittleEndian.Uint32(frame[1:])
			status, payload := s.do(frame[0], frame[5:])
			answers <- answer{id, status, payload}
			waiting.Done()
		}()
	}
	waiting.Wait()
	close(answers)
}

func (s *server) do(operation byte, command []byte) (byte, []byte) {
	switch operation {
	case opPut:
		if s.raft.Apply(command, 0).Error() == nil {
			return statusOK, nil
		}
	case opGet:
		if s.raft.VerifyLeader().Error() == nil {
			keyLength := int(binary.LittleEndian.Uint16(command))
			return statusOK, s.store.get(string(command[2 : 2+keyLength]))
		}
	case opStatus:
		payload := make([]byte, 9)
		if s.raft.State() == raft.Leader {
			payload[0] = 1
		}
		binary.LittleEndian.PutUint64(payload[1:], s.raft.AppliedIndex())
		return statusOK, payload
	}
	return statusFailed, nil
}

// respond writes what is there in one go.
func respond(connection net.Conn, answers <-chan answer) {
	defer connection.Close()
	writer := bufio.NewWriterSize(connection, bufferBytes)
	var header [9]byte
	for one := range answers {
		binary.LittleEndian.PutUint32(header[:], uint32(5+len(one.payload)))
		header[4] = one.status
		binary.LittleEndian.PutUint32(header[5:], one.id)
		writer.Write(header[:])
		writer.Write(one.payload)
		if len(answers) == 0 {
			// Where nobody listens any more, the rest goes nowhere.
			writer.Flush()
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	id := flag.Int("id", 1, "this node, counted from 1")
	peers := flag.String("peers", "", "where the nodes reach each other: HOST:PORT,…")
	listen := flag.String("listen", "", "where clients connect")
	directory := flag.String("data", "", "where the data goes")
	electionTimeout := flag.Duration("election-timeout", time.Second, "how long a follower waits")
	compaction := flag.Bool("compaction", true, "whether the log is compacted")
	flag.Parse()

	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(strconv.Itoa(*id))
	config.HeartbeatTimeout = *electionTimeout
	config.ElectionTimeout = *electionTimeout
	config.LeaderLeaseTimeout = *electionTimeout / 2
	config.MaxAppendEntries = appendEntriesMax
	config.LogLevel = "ERROR"
	if !*compaction {
		config.SnapshotThreshold = never
		config.TrailingLogs = never
	}
	bolt, err := raftboltdb.NewBoltStore(filepath.Join(*directory, "raft.db"))
	check(err)
	logs, err := raft.NewLogCache(logCacheEntries, bolt)
	check(err)
	snapshots, err := raft.NewFileSnapshotStore(*directory, 2, os.Stderr)
	check(err)
	addresses := strings.Split(*peers, ",")
	transport, err := raft.NewTCPTransport(addresses[*id-1], nil, 3, 10*time.Second, os.Stderr)
	check(err)
	known, err := raft.HasExistingState(logs, bolt, snapshots)
	check(err)
	if !known {
		configuration := raft.Configuration{}
		for position, address := range addresses {
			configuration.Servers = append(configuration.Servers, raft.Server{
				ID:      raft.ServerID(strconv.Itoa(position + 1)),
				Address: raft.ServerAddress(address),
			})
		}
		check(raft.BootstrapCluster(config, logs, bolt, snapshots, transport, configuration))
	}
	state := &store{values: map[string][]byte{}}
	node, err := raft.NewRaft(config, state, logs, bolt, snapshots, transport)
	check(err)
	listener, err := net.Listen("tcp", *listen)
	check(err)
	own := &server{raft: node, store: state}
	for {
		connection, err := listener.Accept()
		check(err)
		go own.serve(connection)
	}
}
